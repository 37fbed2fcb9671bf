"""What each head does, decided from measurements.

`evidence` and `weights` measure, `criteria` reads the table of thresholds, `classify`
applies it, and `published` holds the literature's tables for comparison only.
"""
