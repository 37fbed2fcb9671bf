"""head-patching summary: what a build found, in some ten lines."""

from pathlib import Path

from head_patching.commands._whole_build import Build, read_build


def summary(results: Build = Path("results")) -> None:
    """Print what a whole build found, and where the chapter is."""
    from head_patching.reporting.summary import summary as lines_of

    for line in lines_of(read_build(results)):
        print(line)
