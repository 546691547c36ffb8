"""Safety core: limits, gate, watchdog, state machine, alarms, permit (pure, standard library)."""
