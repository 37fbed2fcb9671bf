"""Whether a process that wrote its number into a file, or into its name, still runs."""

import psutil


def is_running(number: str) -> bool:
    """Whether a process of that number runs; a killed one that waits does not.

    Examples
    --------
    >>> is_running(str(psutil.Process().pid)), is_running("")
    (True, False)
    """
    try:
        return psutil.Process(int(number)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return False
