"""Native console with a haptic handle: `teleop console --handle NAME`.

Two processes: `loop.py` closes the haptic loop at 1 kHz beside the handle; `session.py` speaks with
the robot and shows picture and status. They exchange the messages of `messages.py`.
"""
