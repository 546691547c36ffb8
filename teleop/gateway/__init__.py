"""The gateway process: pages, signalling, sessions, and the command path to guard.

`app.py` puts the parts together; `hub.py` decides who gets what; `transport/handshake.py` decides
who is let in; `view.py` says what is shown.
"""
