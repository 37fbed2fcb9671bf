"""Figures of the chapter, one module each; run as `python -m figures.NAME`."""

import gc

# Each figure is a process, half of it the imports of matplotlib and pandas. They make
# many objects and hardly any garbage; the search for it takes a sixth of their time.
gc.set_threshold(100_000)
