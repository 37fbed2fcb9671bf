"""One build at a time in a folder, and none beside the jobs of one that was killed.

Snakemake's own lock is a file that stays when Snakemake is killed, and knows nothing of
the jobs that live on then. This one is the kernel's: it ends with the last process that
holds it.
"""

import fcntl
import os
import sys
from pathlib import Path

from head_patching.processes import is_running


def take_lock(path: Path) -> None:
    """Hold the lock until this process and every job that it starts have ended.

    The file takes the place of standard input: the one open file, besides what is
    printed to, that jobs inherit, and with it the lock. When the process that took it
    was killed, its jobs are waited for.

    Raises
    ------
    ValueError
        When the process that took it is alive.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 20).decode("ascii", errors="replace").strip()
        if is_running(owner):
            os.close(descriptor)
            raise ValueError(
                f"another build runs in this folder (process {owner}): wait until it "
                "ends, or stop it"
            ) from None
        print(
            f"waiting for jobs of a build that was killed (process {owner})",
            file=sys.stderr,
            flush=True,
        )
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    os.lseek(descriptor, 0, os.SEEK_END)  # whoever reads standard input reads nothing
    os.dup2(descriptor, 0)
    os.close(descriptor)
