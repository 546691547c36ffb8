"""A scripted expert and nurse: real clients of a running demo, and the people of `bench/world.py`.

`persons` decides (pure), `hand` and `trajectory` move, `score` judges; `client`, `eyes`, `commands`
and `run` talk to the gateway over the same WebRTC path as a browser does.
"""
