"""The simulated needle unit: guide axis, layered tissue force, bending, what the picture shows."""
