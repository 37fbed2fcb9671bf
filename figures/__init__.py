"""Figures of the chapter, one module each; run as `python -m figures.NAME`."""
