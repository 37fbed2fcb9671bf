"""Checking for free memory before a computation.

Linux grants more memory than there is, and kills a process that uses it.
"""

import re
import resource
from collections.abc import Iterator
from pathlib import Path

# PyTorch's messages when an allocation fails; it raises RuntimeError.
REFUSED = re.compile(r"can't allocate memory|out of memory", re.IGNORECASE)


def require_memory(needed: int, what: str, instead: str) -> None:
    """Refuse a computation that needs more memory than is available.

    Parameters
    ----------
    needed
        Memory in bytes.
    what
        What needs it, in the plural, for the message.
    instead
        What to do, for the message.

    Raises
    ------
    ValueError
        When less than `needed` is available.
    """
    available = available_memory()
    if needed > available:
        raise ValueError(
            f"{what} need {needed / 2**30:.1f} GiB of memory, {available / 2**30:.1f} "
            f"GiB are available: {instead}"
        )


def available_memory() -> int:
    """Memory that can still be used, in bytes.

    It is the machine's, or less where this process, its container or its cluster job
    has a limit.
    """
    import psutil

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    free = min([psutil.virtual_memory().available, *left_by_groups()])
    if limit != resource.RLIM_INFINITY:
        free = min(free, limit - psutil.Process().memory_info().vms)
    return max(free, 0)


def left_by_groups(root: Path = Path("/")) -> Iterator[int]:
    """Free memory of each control group of this process, in bytes (Linux, version 2).

    Cached pages of files count as used there, but are released when needed.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    if own is None:
        return
    group = root / "sys/fs/cgroup" / own.lstrip("/")
    for folder in (group, *group.parents):
        try:
            limit = (folder / "memory.max").read_text().strip()
            used = int((folder / "memory.current").read_text())
            lines = (folder / "memory.stat").read_text().splitlines()
        except OSError:
            continue  # this level has no limits
        pages = dict(line.split() for line in lines)
        if limit != "max":
            yield int(limit) - used + int(pages.get("inactive_file", 0))


def was_refused(error: Exception) -> bool:
    """Whether an error says that there was no memory left."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(REFUSED.search(str(error)))
    )
