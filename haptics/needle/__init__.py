"""Needle control: axis speed, puncture, breathing, aiming, pivot about the entry point (pure)."""
