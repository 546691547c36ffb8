"""What the watchdog does on each emulated network: time per state, stops, and late commands.

Runs the real guard and servo on the virtual clock; see docs/timing.md.
"""
