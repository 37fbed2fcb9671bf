"""The files of a repository or folder that are the model.

These are safetensors, config and tokenizer: never a file that can run code when it is
read (pickle, Python).
"""

import json
from collections.abc import Collection
from pathlib import Path

CONFIG, WEIGHTS, INDEX = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
)

# A tokenizer can be read from each of these alone.
VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model")
TOKENIZER = (
    *VOCABULARIES,
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer_config.json",
)
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")

CONVERT = (
    "convert them on a machine that you trust them on: transformers."
    "AutoModelForCausalLM.from_pretrained(MODEL).save_pretrained(FOLDER), the "
    "tokenizer likewise, then give FOLDER as the model"
)


def model_files(names: Collection[str], where: str, index: Path | None) -> list[str]:
    """The files that determine the model, sorted.

    Parameters
    ----------
    names
        Paths of all files, from the top of the repository or folder.
    where
        Name of the repository or folder, for messages.
    index
        The file that maps weights to shards, if there is one.

    Raises
    ------
    ValueError
        When weights, config or tokenizer are missing, or the weights are pickled.
    """
    if CONFIG not in names:
        raise ValueError(
            f"{where} holds no {CONFIG}: it is not a model of transformers"
        )
    if WEIGHTS in names:
        weights = [WEIGHTS]
    elif INDEX in names and index is not None:
        weights = [INDEX, *shards(index, where)]
    else:
        raise ValueError(f"{where} {_instead_of_weights(names)}")
    adapters = sorted(name for name in names if name.startswith("adapter_"))
    if adapters:
        raise ValueError(
            f"{where} holds {adapters[0]}, an adapter beside the base model's weights, "
            "which would be left out: merge it (peft's merge_and_unload), or remove it"
        )
    missing = [name for name in weights if name not in names]
    if missing:
        raise ValueError(f"{where} lacks {missing[0]}, which {INDEX} names")
    if not {*names} & {*VOCABULARIES}:
        raise ValueError(
            f"{where} holds no tokenizer: expected one of {', '.join(VOCABULARIES)}"
        )
    return sorted({CONFIG, *weights, *(name for name in TOKENIZER if name in names)})


def shards(index: Path, where: str) -> list[str]:
    """The weight files that an index names.

    Raises
    ------
    ValueError
        When the index is damaged, or names a file that is not a shard in its folder.
    """
    try:
        files = sorted({*json.loads(index.read_text("utf-8"))["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{where}: {INDEX} has no map of weights to files") from None
    for name in files:
        if not (isinstance(name, str) and Path(name).name == name):
            raise ValueError(f"{where}: {INDEX} names {name!r}, which is no file there")
        if not name.endswith(".safetensors"):
            raise ValueError(
                f"{where}: {INDEX} names {name}: only safetensors are read; {CONVERT}"
            )
    return files


def _instead_of_weights(names: Collection[str]) -> str:
    """The files that are there instead of readable weights, for a message."""
    top = sorted(name for name in names if "/" not in name)
    pickled = [name for name in top if name.endswith(PICKLED)]
    if pickled:
        return (
            f"offers its weights as {pickled[0]} alone, which can run code when it is "
            f"read: only safetensors are; {CONVERT}"
        )
    others = [name for name in top if name.endswith(".safetensors")]
    besides = f", only {', '.join(others)}" if others else ""
    return f"holds no weights: expected {WEIGHTS} or {INDEX}{besides}"
