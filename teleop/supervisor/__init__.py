"""Starts, watches and stops the processes of `teleop/processes.py`; shows one status line."""
