"""The clean/corrupt cache: activations of both runs, by batches of equal shape.

A shard is one safetensors file with the activations of some consecutive pairs and a
JSON manifest beside it. Pairs are grouped by (token length, first difference), the
shape that the engine works in; a group's tensors are `{group}/{run}/{name}`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from head_patching.models.transformer import Activations, Model
from head_patching.provenance import sha256_file
from head_patching.results import atomic, write_json
from head_patching.tasks.pairs import PromptPairs, first_difference

SCHEMA_VERSION = 1
NAMES = tuple(entry.name for entry in fields(Activations))


@dataclass(frozen=True)
class PairBatch:
    """Clean and corrupt activations of pairs alike in length and first difference."""

    indices: list[int]  # which pairs, counted in the whole set
    first: int  # the first position in which clean and corrupt differ
    clean: Activations
    corrupt: Activations

    def select(self, rows: Sequence[int]) -> "PairBatch":
        """Some rows of the batch; consecutive ones without copying."""
        chosen: slice | list[int] = list(rows)
        if chosen == list(range(chosen[0], chosen[0] + len(chosen))):
            chosen = slice(chosen[0], chosen[-1] + 1)
        clean, corrupt = (run.select(chosen) for run in (self.clean, self.corrupt))
        return PairBatch(
            [self.indices[row] for row in rows], self.first, clean, corrupt
        )

    def require_finite(self, model: Model) -> None:
        """Refuse runs in which the model computed NaN or infinite logits."""
        for name, run in (("clean", self.clean), ("corrupt", self.corrupt)):
            if not torch.isfinite(run.final_logits).all():
                raise ValueError(
                    f"{model.config.name}: the {name} run of pairs "
                    f"{self.indices[:5]}... gives NaN or infinite logits"
                )


def group_pairs(pairs: PromptPairs) -> dict[tuple[int, int], list[int]]:
    """Pair indices by (token length, first differing position), sorted."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, pair in enumerate(pairs):
        key = (len(pair.clean_tokens), first_difference(pair))
        groups.setdefault(key, []).append(index)
    return dict(sorted(groups.items()))


def batches_of_pairs(
    pairs: PromptPairs, pairs_per_batch: int
) -> Iterator[tuple[int, list[int]]]:
    """Pairs alike in shape, so many at most: first difference and pair indices."""
    for (_, first), members in group_pairs(pairs).items():
        for start in range(0, len(members), pairs_per_batch):
            yield first, members[start : start + pairs_per_batch]


def run_pairs(
    model: Model, pairs: PromptPairs, pairs_per_batch: int
) -> Iterator[PairBatch]:
    """Both runs of every pair, in batches of at most `pairs_per_batch`."""
    for first, indices in batches_of_pairs(pairs, pairs_per_batch):
        yield run_batch(model, pairs, indices, first)


def run_batch(
    model: Model, pairs: PromptPairs, indices: Sequence[int], first: int
) -> PairBatch:
    """Both runs of pairs that are alike in length and first difference.

    Raises
    ------
    ValueError
        When the model's activations are not finite.
    """
    clean, corrupt = (
        model.run(torch.tensor(tokens, device=model.device))
        for tokens in (
            [pairs[index].clean_tokens for index in indices],
            [pairs[index].corrupt_tokens for index in indices],
        )
    )
    batch = PairBatch(list(indices), first, clean, corrupt)
    batch.require_finite(model)
    return batch


def write_shard(
    path: Path | str, model: Model, pairs: PromptPairs, start: int, count: int
) -> None:
    """Run pairs [start, start + count) and write their activations."""
    model.require_engine("caching activations")
    stop = min(start + count, len(pairs))
    if not 0 <= start < stop:
        raise ValueError(
            f"shard of pairs {start}..{start + count - 1} is empty: there are "
            f"{len(pairs)} pairs"
        )
    tensors, groups = {}, []
    subset = pairs.select(range(start, stop))
    for number, batch in enumerate(run_pairs(model, subset, pairs_per_batch=count)):
        for run in ("clean", "corrupt"):
            for name in NAMES:
                tensor = getattr(getattr(batch, run), name)
                tensors[f"{number:03d}/{run}/{name}"] = tensor.contiguous()
        indices = [start + index for index in batch.indices]
        groups.append({"first": batch.first, "pairs": indices})
    with atomic(path) as partial:
        save_file(tensors, partial)
        checksum = sha256_file(partial)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "model": model.config.name,
        "task": pairs.task,
        "corruption": pairs.corruption,
        "groups": groups,
        "sha256": checksum,
        "tensors": list(NAMES),
    }
    write_json(manifest_path(path), manifest)


def read_shard(path: Path | str) -> Iterator[PairBatch]:
    """The batches of one shard, memory-mapped, one at a time.

    Raises
    ------
    FileNotFoundError
        When the shard or its manifest is not there.
    ValueError
        When either cannot be read or was written by another schema version.
    """
    for file in (Path(path), manifest_path(path)):
        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist: cache the activations")
    try:
        manifest = json.loads(manifest_path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{manifest_path(path)} is not JSON: {error}") from error
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path}: schema version {manifest.get('schema_version')} cannot be read, "
            f"expected {SCHEMA_VERSION}; cache the activations again"
        )
    try:
        with safe_open(path, framework="pt") as file:
            for number, group in enumerate(manifest["groups"]):
                clean, corrupt = (
                    Activations(
                        **{
                            name: file.get_tensor(f"{number:03d}/{run}/{name}")
                            for name in NAMES
                        }
                    )
                    for run in ("clean", "corrupt")
                )
                yield PairBatch(group["pairs"], group["first"], clean, corrupt)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is truncated or damaged ({error}); cache the activations again"
        ) from error


def manifest_path(path: Path | str) -> Path:
    """The manifest beside a shard."""
    return Path(path).with_suffix(".json")
