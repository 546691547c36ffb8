"""The guard process: standard library only, the one place that permits motion."""
