"""Where a prepared model lies when it is used outside the workflow."""

import hashlib
import os
from pathlib import Path

from head_patching.models.loading import prepare_model
from head_patching.models.registry import FolderModel, find_source


def prepared_folder(name: str) -> Path:
    """The folder of a prepared model, for `load_model`; prepared now if need be.

    The workflow's own copy under `results/` is used when it is there, else one in the
    user's cache (`$XDG_CACHE_HOME/head-patching`, by default below `~/.cache`).

    Raises
    ------
    ValueError
        When the name is unknown.
    """
    source = find_source(name)
    if isinstance(source, FolderModel):
        # A folder can change behind its name: its path and dates belong to the key.
        files = sorted(source.folder.resolve().glob("*.safetensors"))
        state = [f"{file} {file.stat().st_mtime_ns}" for file in files]
        digest = hashlib.sha256("\n".join(state).encode()).hexdigest()[:12]
        key = f"{source.folder.resolve().name}-{digest}"
    else:
        key = name.replace("/", "--")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = cache / "head-patching" / key
    for folder in (Path("results") / name / "model", cached):
        if (folder / "model.json").is_file():
            return folder
    prepare_model(name, cached)
    return cached
