"""The keys process: agrees on command keys with consoles and hands them to guard through a pipe.

It listens on one local socket for the gateway, which relays what it cannot read, and holds no
network socket.
"""
