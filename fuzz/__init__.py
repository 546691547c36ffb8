"""Coverage-guided fuzzing of every parser: `make fuzz`, and a short fixed run in the tests."""
