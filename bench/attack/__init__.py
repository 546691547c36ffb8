"""Attacks on the command path, as data: what a network, a gateway or an insider could send."""
