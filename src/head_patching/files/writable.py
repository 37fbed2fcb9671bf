"""Whether a file can be written, checked before hours of work and not after them."""

import os
from pathlib import Path


def require_writable(path: Path) -> Path:
    """The path, when it can be written.

    Raises
    ------
    ValueError
        When its folder, or the one in which that would be made, is read-only or not a
        folder.
    """
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir():
        raise ValueError(f"{path} cannot be written: {folder.name} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{path} cannot be written: {folder.name}/ is read-only")
    return path
