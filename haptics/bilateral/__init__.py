"""Bilateral coupling of a haptic handle with the robot: passivity, local models, mapping (pure)."""
