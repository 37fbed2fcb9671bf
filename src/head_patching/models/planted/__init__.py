"""Models whose circuit is known because it was built: the truth that roles meet."""
