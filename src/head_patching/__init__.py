"""A thesis chapter that computes itself: which attention heads do what, and why."""
