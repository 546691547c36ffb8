"""Pure control laws: kinematics, contact force control, filters, set-points."""
