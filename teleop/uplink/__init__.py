"""Takes the datagrams of native consoles in real time and hands their frames to guard."""
