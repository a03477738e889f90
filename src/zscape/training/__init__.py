"""Training: the loop, what watches it, and the learning-rate schedule."""
