"""From a model's name to a `Model`.

`prepare_model` runs once per model: it fetches the checkpoint, takes the form of it
that equals transformers' own forward pass (`forms`) and writes a folder. `load_model`
reads that folder. One that is folded takes well under a second, and neither
TransformerLens nor transformers' model code.
"""

import functools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from head_patching.files.checksums import sha256_file
from head_patching.files.records import read_record
from head_patching.files.tensors import reading_tensors
from head_patching.files.writing import atomic, naming_a_full_disk, write_json
from head_patching.models.attention import AttentionRule
from head_patching.models.checkpoints import (
    Construct,
    license_of,
    locate,
    origin_of,
    write_checkpoint,
)
from head_patching.models.devices import find_device, find_dtype
from head_patching.models.integrity import (
    checksums_of,
    require_as_prepared,
    require_weights,
)
from head_patching.models.own_forward import CHECKED_LENGTH, load_own
from head_patching.models.registry import FolderModel, find_source, short_name
from head_patching.models.shape import ModelConfig, config_from
from head_patching.models.tensors import build_model, require_finite
from head_patching.models.tokenizer import load_tokenizer, quiet_transformers
from head_patching.models.transformer import Model

AGAIN = "delete it and prepare the model again"


def load_model(
    folder: Path | str, device: str = "cpu", dtype: str = "float32"
) -> Model:
    """The model that `prepare_model` wrote into `folder`.

    Parameters
    ----------
    device
        `cpu`, `cuda`, `mps`, or `auto`: the best device of this machine.
    dtype
        `float32` or `float64`.

    Raises
    ------
    FileNotFoundError
        When the folder was not prepared.
    ValueError
        When it was written by another schema version, a weight is not finite, or this
        machine has no such device.
    """
    where, precision = find_device(device), find_dtype(dtype)
    folder = Path(folder)
    description = folder / "model.json"
    if not description.is_file():
        raise FileNotFoundError(
            f"{folder} is not a prepared model (no model.json): run "
            f"`head-patching prepare-model --model NAME --out {folder}`"
        )
    keys = ["config", "provenance", "sha256"]
    record = read_record(description, keys, AGAIN)
    weights = folder / "weights.safetensors"
    with reading_tensors(weights, AGAIN):
        if sha256_file(weights) != record["sha256"]:
            raise ValueError("its SHA-256 is not that in model.json")
        with safe_open(weights, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    require_finite(folder, tensors)
    try:
        if "attention" in record:
            model = load_modules(folder, record, tensors)
        else:
            model = build_model(config_from(record["config"]), tensors)
    except ValueError as error:
        raise ValueError(
            f"{description} does not describe the weights beside it ({error}): {AGAIN}"
        ) from error
    model.read_tokenizer = functools.partial(load_tokenizer, folder / "checkpoint")
    model.provenance, model.folder = record["provenance"], folder
    return model.to(where, precision)


def load_modules(
    folder: Path, record: dict[str, Any], tensors: dict[str, Tensor]
) -> Model:
    """A model that is run by transformers' own modules, from its checkpoint."""
    from head_patching.models.unfolded import build_module_model

    quiet_transformers()
    require_as_prepared(folder / "checkpoint", with_weights=True)
    rules = []
    for index, numbers in enumerate(record["attention"]):
        prefix = f"blocks.{index}.attn."
        of_layer = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
        rules.append(AttentionRule(**numbers, **of_layer))
    own = load_own(folder / "checkpoint")
    return build_module_model(own, record["config"]["name"], rules)


def require_tokenizer(checkpoint: Path, config: ModelConfig) -> None:
    """Refuse a tokenizer with tokens that the model has no embedding for.

    Special tokens that were added to it, as for padding, are in no prompt.
    """
    tokenizer = load_tokenizer(checkpoint)
    n_tokens, special = len(tokenizer), {*tokenizer.all_special_ids}
    if not {*range(config.d_vocab, n_tokens)} <= special:
        raise ValueError(
            f"{config.name}: the tokenizer has {n_tokens} tokens, the model embeds "
            f"only {config.d_vocab}: it belongs to another model"
        )


def prepare_model(
    name: str,
    folder: Path | str,
    construct: Construct | None = None,
    check_length: int = CHECKED_LENGTH,
    allow_unused: bool = False,
) -> dict[str, Any]:
    """Fetch, fold, check and write one model; returns what `model.json` holds.

    What the folder held before stays until the new model's files have been found.

    Parameters
    ----------
    name
        A registered name, a folder with a checkpoint, or a Hugging Face repository.
    folder
        Where the model is written.
    construct
        Writes the checkpoint of a registered planted model; give
        `head_patching.planted.construct`. No other model needs it.
    check_length
        Tokens of the longest prompt on which it is compared with transformers.
    allow_unused
        Whether the checkpoint may have weights that the model does not use; they are
        then named in the provenance.

    Raises
    ------
    ValueError
        When the name is unknown, the architecture lacks a part the engine reads, a
        weight is missing or has the wrong shape, or the tokenizer does not fit.
    FileNotFoundError
        When the weights are neither here nor to be downloaded.
    """
    folder = Path(folder)
    checkpoint = folder / "checkpoint"
    source = find_source(name)
    from head_patching.models.forms import MODULES, rules_record, take_form

    quiet_transformers()
    origin = locate(source)
    folder.mkdir(parents=True, exist_ok=True)
    # An earlier model's description would be taken for this one's.
    (folder / "model.json").unlink(missing_ok=True)
    in_place = isinstance(source, FolderModel) and source.folder.resolve()
    with nullcontext() if in_place == checkpoint.resolve() else new_folder(checkpoint):
        files = write_checkpoint(source, origin, checkpoint, construct)
        unused = require_weights(checkpoint, allow_unused)
        form, check = take_form(checkpoint, source.title, check_length)
        config, tensors = form.model.config, form.tensors
        require_tokenizer(checkpoint, config)
        require_finite(name, tensors)
    with atomic(folder / "weights.safetensors") as partial:
        save_file(tensors, partial)
        checksum = sha256_file(partial)
    provenance = {
        "name": short_name(name),
        "title": source.title,
        "source": origin_of(source),
        "license": license_of(source),
        "convention": form.convention,
        "files": files,
        "check": check,
    }
    if unused:
        provenance["unused_weights"] = unused
    if origin.commit:
        provenance["revision"] = origin.commit
    record = {
        "config": asdict(config),
        "sha256": checksum,
        "checkpoint": checksums_of(checkpoint),
        "provenance": provenance,
    }
    if form.name == MODULES:
        record["attention"] = rules_record(form.model)
    write_json(folder / "model.json", record)
    return record


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """An empty folder in place of the old one; removed again when the block fails."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with naming_a_full_disk(folder):
            yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
