"""A file system of its own in a folder: small, or read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, settings: str) -> Iterator[None]:
    """A tmpfs with these mount options in the folder; skips where that is forbidden."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", settings, "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("file systems are mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
