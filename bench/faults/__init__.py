"""`teleop bench faults`: every fault of a table, alone and in pairs, with what must follow."""
