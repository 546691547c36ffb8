"""`python -m teleop.cli` is the command `teleop`."""

from teleop.cli import main

main()
