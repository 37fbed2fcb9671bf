"""Whether a checkpoint is whole: undamaged, complete, of the right shapes."""

import re
from pathlib import Path
from typing import Any

from safetensors import safe_open

from head_patching.files.checksums import git_sha1_file, sha256_file
from head_patching.files.records import read_record
from head_patching.files.tensors import reading_tensors

# Names of the matrices that can be tied, in most models.
UNEMBEDDINGS = ("lm_head.weight", "embed_out.weight")
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embed_in.weight",
              "word_embeddings.weight")  # fmt: skip

# Suffixes of weights, config and tokenizer; a checkpoint may hold a README besides.
MADE_FROM = (".safetensors", ".json", ".txt", ".model")


def require_weights(folder: Path, allow_unused: bool = False) -> list[str]:
    """Refuse weights that are not those which `config.json` describes.

    Parameters
    ----------
    allow_unused
        Whether there may be weights that the model does not use.

    Returns
    -------
    list
        The weights that are not used. Buffers that transformers ignores for the class
        are not counted.

    Raises
    ------
    ValueError
        When a file is damaged, a weight has another shape, or one is missing, which
        transformers would replace by random numbers; when one is not used.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    expected, prefix = expected_shapes(folder)
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape in shapes_in(path).items():
            # Some checkpoints leave out the base model's prefix.
            wanted = expected.get(name, expected.get(f"{prefix}.{name}", shape))
            if shape != wanted:
                raise ValueError(
                    f"{path.name}: weight {name} has shape {shape}, expected "
                    f"{wanted} by config.json"
                )
    # transformers itself reports missing names, as it knows tied and renamed weights;
    # on the device "meta" no weight is loaded.
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    _, loaded = AutoModelForCausalLM.from_pretrained(
        str(folder), config=config, device_map="meta", output_loading_info=True,
        local_files_only=True, trust_remote_code=False,
    )  # fmt: skip
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise ValueError(
            f"the weights lack {missing[0]}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + ", which config.json requires"
        )
    unused = sorted(loaded["unexpected_keys"]) + untied_weights(folder, config)
    if unused and not allow_unused:
        others = f" and {len(unused) - 1} more" if len(unused) > 1 else ""
        raise ValueError(
            f"the model that config.json describes does not use weight {unused[0]}"
            f"{others}: it is another model's config, or --allow-unused says that they "
            "may be left out"
        )
    return unused


def untied_weights(folder: Path, config: Any) -> list[str]:
    """The unembedding, if it is not the embedding, though config.json ties them."""
    import torch

    if not getattr(config, "tie_word_embeddings", False):
        return []
    held: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                if name.endswith(UNEMBEDDINGS + EMBEDDINGS):
                    held[name] = file.get_tensor(name)
    embeddings = [held[name] for name in held if name.endswith(EMBEDDINGS)]
    return [
        name
        for name in held
        if name.endswith(UNEMBEDDINGS)
        and embeddings
        and not any(torch.equal(held[name], each) for each in embeddings)
    ]


def expected_shapes(folder: Path) -> tuple[dict[str, list[int]], str]:
    """Shape of each weight by `config.json`, and the prefix that all names may lack."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    shapes = {name: list(weight.shape) for name, weight in model.named_parameters()}
    return shapes, model.base_model_prefix


def shapes_in(path: Path) -> dict[str, list[int]]:
    """Shape of each weight in a safetensors file; ValueError when it is damaged."""
    again = "fetch the checkpoint again"
    with reading_tensors(path, again), safe_open(path, "pt") as file:
        return {
            name: file.get_slice(name).get_shape()
            for name in file.keys()  # noqa: SIM118
        }


def checksums_of(checkpoint: Path) -> dict[str, str]:
    """The SHA-256 of each file that a model is made from, by name."""
    return {
        path.name: sha256_file(path)
        for path in sorted(checkpoint.iterdir())
        if path.is_file() and path.suffix in MADE_FROM
    }


def require_as_prepared(checkpoint: Path, with_weights: bool) -> None:
    """Refuse files of a prepared model's checkpoint that have changed since.

    A checkpoint that is not prepared yet has no checksums to compare with.
    """
    description = checkpoint.parent / "model.json"
    if not description.is_file():
        return
    written = read_record(description).get("checkpoint", {})
    for name, checksum in written.items():
        path = checkpoint / name
        if path.suffix == ".safetensors" and not with_weights:
            continue
        if not path.is_file() or sha256_file(path) != checksum:
            state = "has changed" if path.is_file() else "is missing"
            raise ValueError(
                f"{path} {state} since the model was prepared: "
                f"delete {description} and prepare the model again"
            )


def is_damaged(file: Path, sha256: str) -> bool:
    """Whether a file of the hub's cache differs from what the hub says it is.

    The cache calls large files by their SHA-256 and small ones by git's hash.
    """
    name = file.readlink().name if file.is_symlink() else ""
    if re.fullmatch(r"[0-9a-f]{40}", name):
        return name != git_sha1_file(file)
    return bool(re.fullmatch(r"[0-9a-f]{64}", name)) and name != sha256
