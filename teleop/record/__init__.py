"""Recording: writes every decision of a session to MCAP, reads it back, replays it, exports it.

`python -m teleop.record` is the process; `topics.py` is the table of what is recorded.
"""
