"""Whether a file can be written: asked before hours of work, not after them."""

import os
from pathlib import Path


def require_writable(path: Path) -> Path:
    """The path, when it can be written.

    Raises
    ------
    ValueError
        When the folder, or the one that it would be made in, is none or read-only.
    """
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir():
        raise ValueError(f"{path} cannot be written: {folder.name} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{path} cannot be written: {folder.name}/ is read-only")
    return path
