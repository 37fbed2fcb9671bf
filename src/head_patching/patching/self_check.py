"""The self-check of every build: stored effects against TransformerLens's own hooks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from jaxtyping import Float

from head_patching.metrics import logit_diff
from head_patching.models.transformer import Model
from head_patching.patching.effects import unpatched_logit_diff
from head_patching.patching.head_sets import sweep_sets
from head_patching.patching.propagate import final_residual
from head_patching.patching.readout import logit_diffs
from head_patching.patching.reference import (
    position_mask,
    reference_logits,
    run_tokens,
)
from head_patching.patching.runs import group_pairs, run_batch
from head_patching.tasks.pairs import PromptPairs
from head_patching.terms import Head, head_name

# Pairs on which the sampled heads are compared, of one prompt length: each goes through
# the slow reference once for every head and run.
N_PAIRS = 2

# Pairs whose heads are patched with their own outputs, by the engine alone.
N_IDENTITY_PAIRS = 2

ALL = "all"  # positions
RUN = ["patch_type", "direction", "position"]
COLUMNS = [*RUN, "layer", "head", "pair", "engine", "reference"]


def check_effects(
    bridge: Any,
    pairs: PromptPairs,
    effects: xr.Dataset,
    n_heads: int,
    seed: int,
) -> pd.DataFrame:
    """Engine and reference logit_diff of sampled heads, one row per head and pair.

    Half the sample are the heads that moved logit_diff most, where an error would
    matter, the rest is drawn at random. At each named position it is that half alone.
    Effects that are estimates (`confirmed` is 0) are not compared.

    Parameters
    ----------
    bridge
        The model in TransformerLens.
    pairs
        All prompt pairs, of which `effects` may hold some.
    effects
        A stored result of `HeadPatcher.run`, at all positions or at named ones.
    n_heads
        Size of the sample of a run that is patched at all positions.
    seed
        Of the random half.
    """
    patched = pairs.select(effects.pair.values.tolist())  # perhaps the first ones alone
    rows_of_group = max(group_pairs(patched).values(), key=len)[:N_PAIRS]
    indices = effects.pair.values[rows_of_group].tolist()
    direction, patch_type = effects.attrs["direction"], effects.attrs["patch_type"]
    base = unpatched_logit_diff(effects)
    engine, half = effects.logit_diff, (n_heads + 1) // 2
    if "confirmed" in effects:
        engine = engine.where(effects["confirmed"] == 1)
    if "position" not in engine.dims:
        engine = engine.expand_dims(position=[ALL])
    engine = engine.transpose("layer", "head", "position", "pair")
    moved = np.abs((engine - base).mean("pair", skipna=False).values)

    rows = []
    for position_index, label in enumerate(engine["position"].values.tolist()):
        size = n_heads if label == ALL else half
        heads = sample_heads(moved[..., position_index], size, seed)
        if not heads:
            continue
        reference = reference_logit_diff(
            bridge, pairs, indices, heads, (patch_type, direction, label)
        )  # [head pair]
        rows += [
            {
                "patch_type": patch_type,
                "direction": direction,
                "position": label,
                "layer": layer,
                "head": head,
                "pair": pair,
                "engine": float(engine[layer, head, position_index].sel(pair=pair)),
                "reference": float(reference[i, j]),
            }
            for i, (layer, head) in enumerate(heads)
            for j, pair in enumerate(indices)
        ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(abs_diff=(frame.engine - frame.reference).abs())


def reference_logit_diff(
    bridge: Any,
    pairs: PromptPairs,
    indices: Sequence[int],
    heads: Sequence[Head],
    run: tuple[str, str, str],
) -> Float[np.ndarray, "head pair"]:
    """logit_diff by TransformerLens's hooks, with each head patched alone.

    Parameters
    ----------
    indices
        Pairs of equal length.
    heads
        Heads (layer, head).
    run
        Patch type, direction and position (`ALL`, or a name).
    """
    patch_type, direction, label = run
    tokens = run_tokens(pairs, indices, direction)
    mask = position_mask(pairs, indices, None if label == ALL else label)
    logits = reference_logits(bridge, *tokens, heads, patch_type, mask)
    answer = torch.tensor([pairs[index].answer_token for index in indices])
    wrong_answer = torch.tensor([pairs[index].wrong_answer_token for index in indices])
    return logit_diff(logits, answer, wrong_answer).numpy()


def sample_heads(
    moved: Float[np.ndarray, "layer head"], n_heads: int, seed: int
) -> list[Head]:
    """Half the heads that moved most, half drawn from the others, sorted.

    Of an odd number the larger half moved most. Heads that are NaN are left out.
    """
    order = np.argsort(-moved, axis=None, kind="stable")  # NaN comes last
    order = order[: np.count_nonzero(~np.isnan(moved))]
    n_heads = min(n_heads, order.size)
    n_top = (n_heads + 1) // 2
    generator = np.random.default_rng(seed)
    drawn = generator.choice(order[n_top:], n_heads - n_top, replace=False)
    chosen = np.sort(np.concatenate([order[:n_top], drawn]))
    layers, heads = np.unravel_index(chosen, moved.shape)
    return list(zip(layers.tolist(), heads.tolist(), strict=True))


def identity_change(model: Model, pairs: PromptPairs) -> float:
    """Largest change of logit_diff when each head is patched with its own output.

    `HeadPatcher` skips patches that add nothing; here they are propagated, to measure
    what propagation itself disturbs. The sampled heads of `check_effects` show that it
    does something.
    """
    (_, first), members = next(iter(group_pairs(pairs).items()))
    batch = run_batch(model, pairs, members[:N_IDENTITY_PAIRS], first)
    own, config = batch.clean, model.config
    heads = [[head] for head in np.ndindex(config.n_layers, config.n_heads)]
    with torch.inference_mode():
        final = sweep_sets(model, own, own.z, heads, first)  # [patch batch d_model]
        patched = logit_diffs(model, pairs, batch, final)
        unpatched = logit_diffs(model, pairs, batch, final_residual(model, own)[None])
    return float(np.abs(patched - unpatched).max())


def summarise(
    frame: pd.DataFrame, identity: float, tolerance: float
) -> dict[str, float | int]:
    """The check in a few numbers, for the chapter.

    Raises
    ------
    ValueError
        When engine and reference differ by more than the tolerance, or nothing moved.
    """
    worst = frame.loc[frame.abs_diff.idxmax()]
    head = head_name(worst.layer, worst["head"])
    if not worst.abs_diff <= tolerance or not identity <= tolerance:
        raise ValueError(
            f"engine and TransformerLens differ by {worst.abs_diff:.2e} logit ({head}, "
            f"{worst.patch_type}, {worst.direction}, pair {worst.pair}; identity patch "
            f"{identity:.2e}): at most {tolerance:.0e} is allowed"
        )
    return {
        "max_abs_diff": float(worst.abs_diff),
        "tolerance": tolerance,
        "identity_max": identity,
        "n_heads": len(frame[["layer", "head"]].drop_duplicates()),
        "n_pairs": int(frame.groupby(RUN).pair.nunique().max()),
        "n_comparisons": len(frame),
    }
