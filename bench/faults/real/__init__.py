"""Layer (b): the real processes on this machine, killed, stopped, starved, flooded and cut off."""
