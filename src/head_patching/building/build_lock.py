"""One build at a time in a folder, also when jobs of a killed build still run.

Snakemake's own lock is a file that stays when Snakemake is killed, and knows nothing of
the jobs that live on then. This one is the kernel's: it ends with the last process that
holds it.
"""

import fcntl
import os
import sys
import time
from pathlib import Path
from socket import gethostname

from head_patching.files.processes import is_running


def take_lock(path: Path) -> None:
    """Hold the lock until this process and every job that it starts have ended.

    The file replaces standard input, which jobs inherit, and with it the lock. If the
    process that took it was killed, this waits for its jobs.

    Raises
    ------
    ValueError
        When the process that took it is alive, or on another machine.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    announced = False
    while not is_ours(descriptor):
        # Read again each time: another waiting build may have been faster.
        host, number = owner(descriptor)
        elsewhere = bool(number) and host != gethostname()
        if elsewhere or is_running(number):
            os.close(descriptor)
            where = f" on {host}" if elsewhere else ""
            raise ValueError(
                f"another build runs in this folder (process {number}{where}): wait "
                "until it ends, or stop it"
            )
        if number and not announced:
            announced = True
            print(
                f"waiting for jobs of a build that was killed (process {number})",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(0.2)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{gethostname()} {os.getpid()}\n".encode(), 0)
    os.lseek(descriptor, 0, os.SEEK_END)  # nothing to read
    os.dup2(descriptor, 0)
    os.close(descriptor)


def is_ours(descriptor: int) -> bool:
    """Whether the lock could be had at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def owner(descriptor: int) -> tuple[str, str]:
    """The machine and the process that took the lock last; empty before any did."""
    host, _, number = (
        os.pread(descriptor, 300, 0).decode(errors="replace").partition(" ")
    )
    return host, number.strip()
