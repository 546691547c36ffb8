"""Drivers: what connects the system to arms, sensors, handles and picture sources."""
