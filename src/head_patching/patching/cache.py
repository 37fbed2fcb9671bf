"""The clean/corrupt cache: activations of both runs, by batches of equal shape.

A cache file is a safetensors file with the activations of some consecutive pairs and a
JSON manifest beside it. Pairs are grouped by shape (`runs`); a group's tensors are
`{group}/{run}/{name}`.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from head_patching.files.checksums import sha256_file
from head_patching.files.reading import reading
from head_patching.files.records import read_record
from head_patching.files.tensors import reading_tensors
from head_patching.files.writing import atomic, write_json
from head_patching.memory import require_memory
from head_patching.models.activations import BY_LAYER, Activations
from head_patching.models.transformer import Model
from head_patching.patching.runs import PairBatch, run_pairs
from head_patching.tasks.pairs import PromptPairs

AGAIN = "cache the activations again (delete it and run snakemake)"
NAMES = (*BY_LAYER, "final_logits")


def write_cache(
    path: Path | str, model: Model, pairs: PromptPairs, start: int, count: int
) -> None:
    """Run some consecutive pairs and write their activations.

    Parameters
    ----------
    pairs
        The whole set of prompts.
    start
        The first pair to run.
    count
        How many to run, or as many as are left.
    """
    model.require_engine("caching activations")
    stop = min(start + count, len(pairs))
    if not 0 <= start < stop:
        raise ValueError(
            f"file of pairs {start}..{start + count - 1} is empty: there are "
            f"{len(pairs)} pairs"
        )
    tensors, groups = {}, []
    subset = pairs.select(range(start, stop))
    longest = max(len(pair.clean_tokens) for pair in subset)
    require_memory(
        2 * len(subset) * model.config.activation_bytes(longest),
        f"activations of {len(subset)} pairs of {longest} tokens",
        "lower pairs_per_file in the config (--count)",
    )
    for number, batch in enumerate(run_pairs(model, subset, pairs_per_batch=count)):
        for run in ("clean", "corrupt"):
            for name in NAMES:
                tensor = getattr(getattr(batch, run), name)
                tensors[f"{number:03d}/{run}/{name}"] = tensor.cpu().contiguous()
        indices = [start + index for index in batch.indices]
        groups.append({"first": batch.first, "pairs": indices})
    with atomic(path) as partial:
        save_file(tensors, partial)
        checksum = sha256_file(partial)
    manifest = {
        "model": model.config.name,
        "task": pairs.task,
        "corruption": pairs.corruption,
        "prompts": fingerprint(subset),
        "groups": groups,
        "sha256": checksum,
        "tensors": list(NAMES),
    }
    write_json(manifest_path(path), manifest)


def read_cache(
    path: Path | str,
    pairs: PromptPairs,
    model: Model | None = None,
    pair_indices: Collection[int] | None = None,
) -> Iterator[PairBatch]:
    """The batches of one file, memory-mapped, one at a time.

    Parameters
    ----------
    pairs
        The whole set of prompts.
    model
        The model that ran them: the file has to be its own (None: not checked).
    pair_indices
        The pairs to read; all of the file when None.

    Raises
    ------
    FileNotFoundError
        When the file or its manifest is not there.
    ValueError
        When either cannot be read, was written by another schema version, or belongs
        to another model or to other prompts.
    """
    manifest = read_manifest(path)
    wanted = None if pair_indices is None else {*pair_indices}
    cached = chain.from_iterable(group["pairs"] for group in manifest["groups"])
    if wanted is not None and wanted.isdisjoint(cached):
        return
    with reading_tensors(path, AGAIN):
        if sha256_file(path) != manifest["sha256"]:
            raise ValueError("its SHA-256 is not that in its manifest")
    require_same(path, manifest, pairs, model)
    with safe_open(path, framework="pt") as file:
        for number, group in enumerate(manifest["groups"]):
            members = group["pairs"]
            rows = range(len(members))
            if wanted is not None:
                rows = [row for row in rows if members[row] in wanted]
            if not rows:
                continue
            with reading_tensors(path, AGAIN):
                clean, corrupt = (
                    Activations(
                        **{
                            name: file.get_tensor(f"{number:03d}/{run}/{name}")
                            for name in NAMES
                        }
                    )
                    for run in ("clean", "corrupt")
                )
            if model is not None:
                clean, corrupt = clean.to(model.W_E), corrupt.to(model.W_E)
            firsts = [group["first"]] * len(members)
            batch = PairBatch(members, firsts, clean, corrupt)
            # All stay in the file until they are used: a selection would copy them.
            yield batch if len(rows) == len(members) else batch.select(rows)


def stored_batches(path: Path | str) -> list[list[int]]:
    """The pairs of each batch in one file, without reading their activations."""
    return [group["pairs"] for group in read_manifest(path)["groups"]]


def read_manifest(path: Path | str) -> dict[str, Any]:
    """The manifest of a file; raises as `read_cache` does."""
    keys = ["model", "prompts", "groups", "sha256"]
    manifest = read_record(manifest_path(path), keys, AGAIN)
    with reading(manifest_path(path), "a manifest", AGAIN):
        for group in manifest["groups"]:
            numbers = [group["first"], *group["pairs"]]
            if any(type(number) is not int or number < 0 for number in numbers):
                raise ValueError("its groups are not lists of pairs")
            if not group["pairs"]:
                raise ValueError("a group has no pairs")
        if not manifest["groups"]:
            raise ValueError("it has no groups")
    return manifest


def require_same(
    path: Path | str,
    manifest: dict[str, Any],
    pairs: PromptPairs,
    model: Model | None,
) -> None:
    """Refuse a file of another model or of other prompts."""
    if model is not None and manifest["model"] != model.config.name:
        raise ValueError(
            f"{path} holds activations of {manifest['model']}, not of "
            f"{model.config.name}"
        )
    members = sorted(index for group in manifest["groups"] for index in group["pairs"])
    known = members[-1] < len(pairs)
    if not known or fingerprint(pairs.select(members)) != manifest["prompts"]:
        raise ValueError(
            f"{path} holds activations of other prompts than those given; cache the "
            "activations again"
        )


def fingerprint(pairs: PromptPairs) -> str:
    """SHA-256 of the tokens of all prompts."""
    tokens = [(pair.clean_tokens, pair.corrupt_tokens) for pair in pairs]
    return hashlib.sha256(json.dumps(tokens).encode()).hexdigest()


def manifest_path(path: Path | str) -> Path:
    """The manifest beside a file of activations."""
    return Path(path).with_suffix(".json")
