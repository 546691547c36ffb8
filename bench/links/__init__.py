"""Emulated networks for benches and tests: profiles, traces, a packet bridge, a datagram relay.

See docs/link-emulation.md.
"""
