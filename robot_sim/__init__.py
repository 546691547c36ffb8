"""The simulated arm box: PyBullet world, tissue and needle mechanics, image formation."""
