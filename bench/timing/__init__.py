"""How late the control loops of the real processes wake beside video and a browser.

See docs/timing.md.
"""
