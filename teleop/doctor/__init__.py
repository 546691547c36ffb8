"""Checks of everything on a machine that can be wrong; each says how to put it right."""
