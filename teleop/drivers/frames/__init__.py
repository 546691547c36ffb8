"""Picture sources behind one protocol (`base.py`); which name means which: `registry.py`."""
