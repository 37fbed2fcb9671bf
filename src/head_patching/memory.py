"""Whether there is memory for what is about to be computed.

Linux hands out memory that it does not have and kills whoever uses it, without a word.
"""

import re
import resource

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
    """Bytes that can still be used: of the machine, and by this process's own limit."""
    import psutil

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    free = psutil.virtual_memory().available
    if limit != resource.RLIM_INFINITY:
        free = min(free, limit - psutil.Process().memory_info().vms)
    return max(free, 0)


def was_refused(error: Exception) -> bool:
    """Whether an error says that there was no memory left."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and bool(REFUSED.search(str(error)))
    )
