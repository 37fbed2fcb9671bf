"""Checksums of files: alone, since what loads models depends on this and no more."""

import hashlib
import os
import time
from pathlib import Path

# Large files are hashed once in a build: many jobs read the same weights.
LARGE = 16 * 2**20  # bytes
KEPT = Path(".snakemake/checksums")

# A file that was written less than so long ago may change within the same tick of the
# file system's clock.
SETTLED = 1.0  # seconds


def sha256_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    That of a large file is kept in the folder of a build, with the file's size and the
    times when its content and its entry last changed. The system alone sets the latter:
    whoever edits a file, or replaces it by another, changes it.
    """
    with Path(path).open("rb") as file:
        now, status = time.time(), os.fstat(file.fileno())
        if status.st_size < LARGE or not KEPT.parent.is_dir():
            return hashlib.file_digest(file, "sha256").hexdigest()
        kept = KEPT / f"{status.st_dev}-{status.st_ino}"
        state = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        checksum = kept_checksum(kept, state)
        if checksum is None:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            if now - status.st_ctime > SETTLED:
                keep_checksum(kept, state, checksum)
        return checksum


def kept_checksum(kept: Path, state: str) -> str | None:
    """The checksum that was kept of a file in this state."""
    try:
        before, _, checksum = kept.read_text("utf-8").rpartition(" ")
    except OSError:
        return None
    return checksum if before == state and len(checksum) == 64 else None


def keep_checksum(kept: Path, state: str, checksum: str) -> None:
    """Keep a checksum, whole or not at all; do without where nothing can be written."""
    partial = kept.with_name(f"{kept.name}.{os.getpid()}.partial")
    try:
        kept.parent.mkdir(exist_ok=True)
        partial.write_text(f"{state} {checksum}", "utf-8")
        partial.replace(kept)
    except OSError:
        partial.unlink(missing_ok=True)


def git_sha1_file(path: Path | str) -> str:
    """What git calls a file's content: the SHA-1 of its length and its bytes."""
    content = Path(path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
