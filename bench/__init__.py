"""Scenarios, runner, metrics and reports (imports everything, imported by nothing)."""
