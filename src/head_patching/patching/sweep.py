"""One sweep: every head of the model patched in turn, for one batch of prompts."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from head_patching.metrics import answer_probability, kl_from_clean
from head_patching.models.activations import Activations
from head_patching.models.transformer import Model, normalise, unembed
from head_patching.patching.deltas import PatchType, head_deltas
from head_patching.patching.head_sets import Head
from head_patching.patching.propagate import Joining, final_residual, propagate
from head_patching.tasks.pairs import PromptPairs

METRICS = ("logit_diff", "probability", "kl")

# Rows unembedded together over the whole vocabulary (a few tens of MB of logits).
UNEMBED_ROWS = 256


def sweep_heads(
    model: Model,
    base: Activations,
    source: Activations,
    patch_type: PatchType,
    first: int,
    heads: Sequence[Head],
    positions: Bool[Tensor, "batch position"] | None = None,
    on_layer: Callable[[int], None] = lambda layer: None,
) -> Float[Tensor, "item batch d_model"]:
    """The final residual at END with each of `heads` patched alone from `source`.

    A head whose patch adds exactly nothing is not propagated: its row is the base
    run's own. `tests/patching/test_sweep.py` compares every head with TransformerLens's
    hooks.
    """
    if positions is not None and not positions[:, first:].any():
        return final_residual(model, base).expand(len(heads), -1, -1)
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for item, (layer, head) in enumerate(heads):
        by_layer.setdefault(layer, []).append((item, head))

    def joining(layer: int) -> Joining:
        on_layer(layer)
        wanted = by_layer.get(layer, [])
        if not wanted:
            suffix = base.resid_pre[layer, :, first:]
            return Joining([], suffix.new_empty(0, *suffix.shape))
        delta = head_deltas(
            model.config, model.layers[layer].W_O, base, source, layer, patch_type,
            first, positions,
        )[[head for _, head in wanted]]  # fmt: skip
        moved = delta.flatten(1).any(dim=1).tolist()
        items = [item for (item, _), moves in zip(wanted, moved, strict=True) if moves]
        return Joining(items, delta if all(moved) else delta[moved])

    return propagate(model, base, first, joining, len(heads))


def read_out(
    model: Model,
    final: Float[Tensor, "item batch d_model"],
    answer: Int[Tensor, " batch"],
    wrong_answer: Int[Tensor, " batch"],
    clean_logits: Float[Tensor, "batch d_vocab"],
    metrics: Sequence[str],
) -> dict[str, Float[Tensor, "item batch"]]:
    """The metrics asked for, from final residuals at END.

    logit_diff alone needs two columns of the unembedding; probability and KL need
    all of them.
    """
    direction = (model.W_U[:, answer] - model.W_U[:, wrong_answer]).T
    offset = model.b_U[answer] - model.b_U[wrong_answer]
    along = normalise(final, model.config) * direction
    read = {"logit_diff": along.sum(dim=-1) + offset}
    if set(metrics) != {"logit_diff"}:
        names = [name for name in METRICS if name in metrics and name != "logit_diff"]
        read |= {name: torch.empty_like(read["logit_diff"]) for name in names}
        step = max(1, UNEMBED_ROWS // final.shape[1])
        for start in range(0, len(final), step):
            logits = unembed(model, final[start : start + step])
            rows = slice(start, start + step)
            if "probability" in read:
                read["probability"][rows] = answer_probability(logits, answer)
            if "kl" in read:
                read["kl"][rows] = kl_from_clean(clean_logits, logits)
    return read


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
