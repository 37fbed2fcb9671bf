"""The folder of a prepared model that is used outside the workflow."""

import hashlib
import os
from pathlib import Path

from head_patching.models.checkpoints import Construct
from head_patching.models.loading import prepare_model
from head_patching.models.registry import (
    FolderModel,
    GgufModel,
    find_source,
    short_name,
)


def prepared_folder(name: str, construct: Construct | None = None) -> Path:
    """The folder of a prepared model, for `load_model`; prepared now if necessary.

    The workflow's own copy under `results/` is used if there is one, else a copy in the
    user's cache (`$XDG_CACHE_HOME/head-patching`, by default below `~/.cache`).

    Parameters
    ----------
    construct
        Writes the checkpoint of a registered planted model; give
        `head_patching.planted.construct`. No other model needs it.

    Raises
    ------
    ValueError
        When the name is unknown.
    """
    source, places = find_source(name), [Path("results") / short_name(name) / "model"]
    if isinstance(source, FolderModel | GgufModel):
        # The workflow's copy may be of another folder of that name.
        places = []
        # A folder can change behind its name: its path and dates belong to the key.
        files = [file.resolve() for file in source.files]
        state = [f"{file} {file.stat().st_mtime_ns}" for file in files]
        digest = hashlib.sha256("\n".join(state).encode()).hexdigest()[:12]
        key = f"{source.title}-{digest}"
    else:
        key = short_name(name)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cached = cache / "head-patching" / key
    for folder in (*places, cached):
        if (folder / "model.json").is_file():
            return folder
    prepare_model(name, cached, construct)
    return cached
