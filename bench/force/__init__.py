"""Bench of contact force control: `teleop bench force` (virtual clock, seeded)."""
