"""Exhaustive breadth-first exploration of the safety core: see `docs/safety-concept.md`, "Proof".

`python -m bench.explore` runs it; `tests/safety/test_explore.py` runs the same in the tests.
"""
