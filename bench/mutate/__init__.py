"""Mutation testing of the safety core: are its tests able to fail? See `docs/mutation.md`.

Our own small mutator, after the idea of opendbc's `safety/tests/mutation.py`. Nothing here imports
`safety`: each mutant is imported afresh in a forked child.
"""
