"""Servo: controllers, kinematics, set-points and the arm driver in one loop without threads.

`core.py` decides (pure, recorded, replayed); `shell.py` reads, writes and waits.
"""
