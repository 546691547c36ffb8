"""The needle's workflow: checking a path, the stages as a table, the report (pure)."""
