"""Channels between processes of one machine: mailboxes, rings, datagrams, the clock, the loop.

Standard library only, because `guard` imports this package.
"""
