"""What is read from runs, and the dataset that it goes into.

Every experiment of this room ends in the final residual stream at END. From it the
metrics are read here, for patched runs and for the two unpatched ones.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.lookup import find, one_of
from head_patching.metrics import answer_probability, kl_from_clean
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model, unembed
from head_patching.patching.propagate import final_residual
from head_patching.patching.runs import PairBatch
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import DIRECTIONS, RUNS

# A position's name or number; None: all positions at once.
PositionLabel = str | int | None
Positions = Literal["all", "each"] | Sequence[str | int]

UNITS = {"logit_diff": "logit", "probability": "1", "kl": "nat"}
METRICS = tuple(UNITS)

# Final residuals (patch x prompt) unembedded together over the whole vocabulary (a few
# tens of MB of logits).
UNEMBEDDED_AT_ONCE = 256


def position_labels(pairs: PromptPairs, positions: Positions) -> list[PositionLabel]:
    """One label per result: None for all positions at once, else a name or number."""
    longest = max(len(pair.clean_tokens) for pair in pairs)
    if positions == "all":
        return [None]
    if positions == "each":
        return list(range(longest))
    if isinstance(positions, str):
        one_of("positions", positions, ("all", "each"))
    for position in positions:
        if isinstance(position, str):
            one_of("position", position, pairs.position_names)
        elif not 0 <= position < longest:
            raise ValueError(
                f"position {position}: expected 0 to {longest - 1}, the last token "
                "of the longest prompt"
            )
    return list(positions)


def empty_results(
    model: Model,
    pairs: PromptPairs,
    labels: Sequence[PositionLabel] = (None,),
    metrics: Sequence[str] = (),
) -> xr.Dataset:
    """The result with its axes, coordinates and units, still without values.

    Parameters
    ----------
    labels
        One for each entry of the axis `position`; without that axis when the only one
        is None, all positions at once.
    metrics
        Those besides logit_diff.
    """
    config = model.config
    axes = ("layer", "head", "pair", "position")
    shape = (config.n_layers, config.n_heads, len(pairs), len(labels))
    coordinates = {
        "layer": np.arange(config.n_layers),
        "head": np.arange(config.n_heads),
        "pair": np.arange(len(pairs)),
        "position": [str(label) for label in labels],
        "template": ("pair", list(pairs.templates)),
    }
    patched = {
        name: (axes, np.full(shape, np.nan, np.float32), {"units": UNITS[name]})
        for name in METRICS
        if name in metrics or name == "logit_diff"
    }
    logit = {"units": UNITS["logit_diff"]}
    unpatched = {
        f"{run}_logit_diff": ("pair", np.full(len(pairs), np.nan, np.float32), logit)
        for run in RUNS
    }
    attributes = {
        "model": config.name,
        "task": pairs.task,
        "corruption": pairs.corruption,
        "prepend_bos": str(pairs.prepend_bos),
        # Runs that were not computed alike are no shards of one run.
        "device": model.device.type,
        "dtype": str(model.W_E.dtype).removeprefix("torch."),
    }
    results = xr.Dataset(patched | unpatched, coordinates, attributes)
    return results.isel(position=0, drop=True) if list(labels) == [None] else results


def base_and_source(
    batch: PairBatch, direction: str
) -> tuple[Activations, Activations]:
    """The run that is patched, and the run that patches come from."""
    runs = find("direction", direction, DIRECTIONS)
    return getattr(batch, runs.base), getattr(batch, runs.source)


def fill_in(
    results: xr.Dataset,
    heads: Sequence[tuple[int, int]],
    indices: Sequence[int],
    position_index: int,
    read: Mapping[str, Float[np.ndarray, "patch batch"]],
) -> None:
    """Put what was read with some heads patched alone into the results.

    Parameters
    ----------
    heads
        The head (layer, head) of each patch.
    indices
        The pairs, which are the axis `batch` of what was read.
    position_index
        Index of the patched position on the results' axis `position`, if there is one.
    read
        Values by metric.
    """
    layers, head_indices = np.array(heads).T
    cells = (layers[:, None], head_indices[:, None], np.array(indices))
    if "position" in results.dims:
        cells = (*cells, position_index)
    for name, values in read.items():
        results[name].values[cells] = values


def read_unpatched(
    model: Model, pairs: PromptPairs, batch: PairBatch, results: xr.Dataset
) -> None:
    """Fill in logit_diff of the clean and the corrupt run."""
    for name in RUNS:
        final = final_residual(model, getattr(batch, name))[None]  # [1 batch d_model]
        values = results[f"{name}_logit_diff"].values
        values[batch.indices] = logit_diffs(model, pairs, batch, final)[0]


def logit_diffs(
    model: Model,
    pairs: PromptPairs,
    batch: PairBatch,
    final: Float[Tensor, "patch batch d_model"],
) -> Float[np.ndarray, "patch batch"]:
    """logit_diff of some patched runs of a batch, from final residuals at END."""
    return read_metrics(model, pairs, batch, final, ("logit_diff",))["logit_diff"]


def read_metrics(
    model: Model,
    pairs: PromptPairs,
    batch: PairBatch,
    final: Float[Tensor, "patch batch d_model"],
    metrics: Sequence[str],
) -> dict[str, Float[np.ndarray, "patch batch"]]:
    """The given metrics of some patched runs, from final residuals at END.

    logit_diff alone needs two columns of the unembedding; probability and KL need
    all of them.

    Parameters
    ----------
    batch
        The pairs, with their unpatched runs: KL compares with the clean one.
    final
        The final residual of each patch and pair.
    metrics
        Names of `METRICS`; logit_diff (in logits) is read in any case.
    """
    answer, wrong_answer = answer_tokens(model, pairs, batch.indices)
    # [patch batch]
    read = {"logit_diff": model.logit_diff(final, answer, wrong_answer)}
    if set(metrics) != {"logit_diff"}:
        names = [name for name in METRICS if name in metrics and name != "logit_diff"]
        read |= {name: torch.empty_like(read["logit_diff"]) for name in names}
        at_once = max(1, UNEMBEDDED_AT_ONCE // final.shape[1])
        for start in range(0, len(final), at_once):
            patches = slice(start, start + at_once)
            logits = unembed(model, final[patches])  # [patch batch d_vocab]
            if "probability" in read:
                read["probability"][patches] = answer_probability(logits, answer)
            if "kl" in read:
                clean = batch.clean.final_logits
                read["kl"][patches] = kl_from_clean(clean, logits)
    return {name: values.cpu().numpy() for name, values in read.items()}


def answer_tokens(
    model: Model, pairs: PromptPairs, indices: Sequence[int]
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Answer and wrong-answer tokens of some pairs."""
    chosen = [pairs[index] for index in indices]
    tokens = [(pair.answer_token, pair.wrong_answer_token) for pair in chosen]
    answer, wrong_answer = torch.tensor(tokens, device=model.device).T
    largest = max(int(answer.max()), int(wrong_answer.max()))
    if largest >= model.config.d_vocab:
        raise ValueError(
            f"answer token {largest} is not in the vocabulary of {model.config.name} "
            f"({model.config.d_vocab} tokens): the prompts belong to another model"
        )
    return answer, wrong_answer
