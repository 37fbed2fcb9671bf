"""Whether there is memory for what is about to be computed.

Linux hands out memory that it does not have and kills whoever uses it, without a word.
"""

import re
import resource
from collections.abc import Iterator
from pathlib import Path

# What PyTorch says when an allocation fails: it raises RuntimeError for it.
REFUSED = re.compile(r"can't allocate memory|out of memory", re.IGNORECASE)


def require_memory(needed: int, what: str, instead: str) -> None:
    """Refuse what needs more bytes than there are.

    Raises
    ------
    ValueError
        With both sizes, and what to do `instead`.
    """
    available = available_memory()
    if needed > available:
        raise ValueError(
            f"{what} need {needed / 2**30:.1f} GiB of memory, {available / 2**30:.1f} "
            f"GiB are available: {instead}"
        )


def available_memory() -> int:
    """Bytes that can still be used: the machine's, and what limits leave of them.

    Limits are this process's own and those of its container or cluster job.
    """
    import psutil

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    free = min([psutil.virtual_memory().available, *left_by_groups()])
    if limit != resource.RLIM_INFINITY:
        free = min(free, limit - psutil.Process().memory_info().vms)
    return max(free, 0)


def left_by_groups(root: Path = Path("/")) -> Iterator[int]:
    """Bytes that each control group around this process leaves (Linux, version 2).

    Pages of files that were read count as used there, but are given up when needed.
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
            continue  # no limits are kept at this level
        pages = dict(line.split() for line in lines)
        if limit != "max":
            yield int(limit) - used + int(pages.get("inactive_file", 0))


def was_refused(error: Exception) -> bool:
    """Whether an error says that there was no memory left."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(REFUSED.search(str(error)))
    )
