"""`snakemake --logger progress`: Snakemake finds logger plugins by a module's name."""

from head_patching.building.progress.handler import LogHandler

__all__ = ["LogHandler"]
