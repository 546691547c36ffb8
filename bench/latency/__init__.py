"""`teleop bench latency`: the whole path, from the picture to the motion and back."""
