"""The two contenders of the benchmark: TransformerLens's patching and the engine.

Both patch every head of the same prompts and return logit_diff, averaged over pairs.
TransformerLens is called through its own functions, with a clean cache made outside
the clock; the engine's time contains its clean and its corrupt run.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.lookup import find
from head_patching.models.transformer import Model
from head_patching.patching.effects import normalised_effect
from head_patching.patching.experiment import HeadPatcher
from head_patching.patching.reference import hook_name, run_tokens
from head_patching.patching.runs import group_pairs
from head_patching.patching.screening import screen_heads
from head_patching.tasks.ioi import ioi_pairs
from head_patching.tasks.pairs import PromptPair, PromptPairs
from head_patching.terms import PATCH_TYPES, SHARED_IN_GROUP

Cell = tuple[int, ...]  # (layer, head), or (layer, position, head)


def equal_pairs(tokenizer: Any, n_pairs: int, corruption: str) -> PromptPairs:
    """IOI pairs alike in length and first difference, of the shortest kind there is.

    TransformerLens patches one batch of equal-length prompts; the engine would take
    any mixture.
    """
    pool = n_pairs
    while True:
        pairs = ioi_pairs(tokenizer, pool, corruption)
        indices = next(iter(group_pairs(pairs).values()))
        if len(indices) >= n_pairs:
            return pairs.select(indices[:n_pairs])
        pool *= 2


def with_shots(pairs: PromptPairs, tokenizer: Any, n_shots: int) -> PromptPairs:
    """The pairs after `n_shots` solved clean prompts, the same for all of them."""
    shot = pairs[0]
    period = tokenizer(".", add_special_tokens=False)["input_ids"]
    solved = (*shot.clean_tokens, shot.answer_token, *period)
    prefix = solved * n_shots
    text = f"{shot.clean} {shot.answer}. " * n_shots
    return PromptPairs(
        pairs.task,
        pairs.corruption,
        pairs.prepend_bos,
        pairs.seed,
        tuple(prepend(pair, prefix, text) for pair in pairs),
    )


def prepend(pair: PromptPair, prefix: tuple[int, ...], text: str) -> PromptPair:
    """The pair with the same tokens put before both prompts."""
    return PromptPair(
        clean=text + pair.clean,
        corrupt=text + pair.corrupt,
        clean_tokens=prefix + pair.clean_tokens,
        corrupt_tokens=prefix + pair.corrupt_tokens,
        answer=pair.answer,
        wrong_answer=pair.wrong_answer,
        answer_token=pair.answer_token,
        wrong_answer_token=pair.wrong_answer_token,
        positions={name: at + len(prefix) for name, at in pair.positions.items()},
        template=pair.template,
    )


def all_cells(
    bridge: Any, pairs: PromptPairs, patch_type: str, each: bool
) -> list[Cell]:
    """Every patch that TransformerLens's own function would make."""
    n_heads = bridge.cfg.n_heads
    if activation_of(patch_type) in SHARED_IN_GROUP and bridge.cfg.n_key_value_heads:
        n_heads = bridge.cfg.n_key_value_heads
    positions = range(len(pairs[0].clean_tokens)) if each else [None]
    cells = np.ndindex(bridge.cfg.n_layers, len(list(positions)), n_heads)
    return [cell if each else (cell[0], cell[2]) for cell in cells]


def activation_of(patch_type: str) -> str:
    """The one activation that a patch type replaces, by TransformerLens's name.

    Raises ValueError when it replaces several: TransformerLens's functions cannot.
    """
    replaced = find("patch type", patch_type, PATCH_TYPES).replaces
    if len(replaced) > 1:
        raise ValueError(
            f"patch type {patch_type!r} replaces {' and '.join(replaced)}: "
            "TransformerLens's patching functions replace one activation each"
        )
    return replaced[0]


class TransformerLensContender:
    """`transformer_lens.patching`, on the given cells."""

    def __init__(self, bridge: Any, pairs: PromptPairs, patch_type: str, each: bool):
        from transformer_lens import patching

        self.bridge, self.each = bridge, each
        self.activation = activation_of(patch_type)
        self.corrupt, clean = run_tokens(pairs, range(len(pairs)), "denoising")
        layers = range(bridge.cfg.n_layers)
        names = [hook_name(layer, self.activation) for layer in layers]
        with torch.no_grad():
            _, self.cache = bridge.run_with_cache(clean, names_filter=names)
        self.answer = torch.tensor([pair.answer_token for pair in pairs])
        self.wrong_answer = torch.tensor([pair.wrong_answer_token for pair in pairs])
        self.setter = {
            (False, False): patching.layer_head_vector_patch_setter,
            (True, False): patching.layer_pos_head_vector_patch_setter,
            (False, True): patching.layer_head_pattern_patch_setter,
            (True, True): patching.layer_head_pos_pattern_patch_setter,
        }[each, self.activation == "pattern"]
        self.patch = patching.generic_activation_patch

    def metric(self, logits: Float[Tensor, "batch position d_vocab"]) -> Tensor:
        """Mean logit_diff at END."""
        rows = torch.arange(len(self.answer))
        end = logits[:, -1]
        return (end[rows, self.answer] - end[rows, self.wrong_answer]).mean()

    @torch.no_grad()
    def __call__(self, cells: Sequence[Cell]) -> list[float]:
        """Mean logit_diff of each cell's patch."""
        by_position = ["layer", "pos", "head"]
        if self.activation == "pattern":
            by_position = ["layer", "head_index", "dest_pos"]
            cells = [(c[0], c[2], c[1]) if self.each else c for c in cells]
        columns = by_position if self.each else ["layer", "head"]
        return self.patch(
            self.bridge,
            self.corrupt,
            self.cache,
            self.metric,
            self.setter,
            self.activation,
            index_df=pd.DataFrame(list(cells), columns=columns),
        ).tolist()


class EngineContender:
    """`HeadPatcher.run`, from tokens to logit_diff."""

    def __init__(self, model: Model, pairs: PromptPairs, patch_type: str, each: bool):
        self.model, self.pairs = model, pairs
        self.options = {
            "patch_type": patch_type,
            "positions": "each" if each else "all",
        }

    def __call__(self) -> np.ndarray:
        """Mean logit_diff, [layer head] or [layer position head]."""
        result = HeadPatcher(self.model).run(self.pairs, **self.options)
        mean = result.logit_diff.mean("pair")
        order = [axis for axis in ("layer", "position", "head") if axis in mean.dims]
        return mean.transpose(*order).values


class ScreeningContender:
    """`screen_heads`, from tokens to the logit_diff of the heads it confirms."""

    def __init__(self, model: Model, pairs: PromptPairs):
        self.model, self.pairs = model, pairs

    def __call__(self) -> np.ndarray:
        """Mean logit_diff, [layer head]; NaN where it is an estimate."""
        result = screen_heads(self.model, self.pairs)
        mean = result.logit_diff.mean("pair")
        return mean.where(result.confirmed == 1).values

    def missed(self, threshold: float) -> tuple[int, int]:
        """Heads with at least this exact effect: how many not confirmed, of how many.

        As a fraction of the clean less corrupt logit_diff.
        """
        exact = HeadPatcher(self.model).run(self.pairs)
        strong = np.abs(normalised_effect(exact).values) >= threshold
        return int((strong & np.isnan(self())).sum()), int(strong.sum())
