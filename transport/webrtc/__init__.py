"""WebRTC peers. The only package that imports aiortc; what differs from it is in `patches.py`."""
