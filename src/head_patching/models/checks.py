"""The engine's assumptions about a model, tested when the model is prepared.

The engine does not rely on an architecture's name. On a few seeded prompts it compares
its own forward pass with TransformerLens's (every layer's residual, the logits) and
tests each assumption of patching. A model that fails a check is patched by the slow
reference instead, and `model.json` says which check failed.
"""

import math
from typing import Any

import torch
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.layers import ACTIVATION_FUNCTIONS, attn_out
from head_patching.models.transformer import Model

# fp32 rounding through some tens of layers, relative to the largest expected value.
TOLERANCE = 1e-4
# Long enough for what depends on length, such as a sliding window, to show.
N_PROMPTS, N_TOKENS = 4, 24


@torch.no_grad()
def check_against_bridge(model: Model, bridge: Any, seed: int = 0) -> dict[str, Any]:
    """The largest relative error of each assumption, and the names of those that fail.

    The checks: `residual` and `logits` (our forward pass equals TransformerLens's),
    `head_output` (attention writes z @ W_O + b_O), `addition` (the residual after
    attention is the residual before it plus that write, or the sum of both writes for
    parallel layers), `causality` (a changed last token changes nothing before it).
    """
    if model.config.act_fn not in ACTIVATION_FUNCTIONS:
        failed = [f"the activation function ({model.config.act_fn})"]
        return {"errors": {}, "tolerance": TOLERANCE, "failed": failed, "n_prompts": 0}
    generator = torch.Generator().manual_seed(seed)
    size = (N_PROMPTS, min(N_TOKENS, model.config.n_ctx))
    tokens = torch.randint(model.config.d_vocab, size, generator=generator)
    start = getattr(bridge.tokenizer, "bos_token_id", None)
    if start is not None and start < model.config.d_vocab:
        # Heads that find nothing attend to it; without it, steep attention depends on
        # rounding.
        tokens[:, 0] = start
    logits, cache = bridge.run_with_cache(tokens)
    ours = model.run(tokens)

    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % model.config.d_vocab
    after_change = model.run(changed)

    errors = {
        "residual": residual_error(ours, cache),
        "logits": relative_error(ours.final_logits, logits[:, -1]),
        "head_output": head_output_error(model, cache),
        "addition": addition_error(model, cache),
        "causality": relative_error(
            after_change.resid_pre[:, :, :-1], ours.resid_pre[:, :, :-1]
        ),
    }
    failed = [name for name, error in errors.items() if not error <= TOLERANCE]
    return {
        "errors": {name: float(f"{error:.1e}") for name, error in errors.items()},
        "tolerance": TOLERANCE,
        "failed": failed,
        "n_prompts": N_PROMPTS,
    }


def relative_error(obtained: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest expected magnitude."""
    difference = (obtained - expected).abs().max()
    error = float(difference / expected.abs().max().clamp_min(1e-12))
    # `max` over layers would skip a NaN; infinity is never within a tolerance.
    return error if math.isfinite(error) else math.inf


def residual_error(ours: Activations, cache: Any) -> float:
    """The worst layer's residual, ours against TransformerLens's."""
    return max(
        relative_error(resid, cache[f"blocks.{layer}.hook_resid_pre"])
        for layer, resid in enumerate(ours.resid_pre)
    )


def head_output_error(model: Model, cache: Any) -> float:
    """How far TransformerLens's attention is from writing z @ W_O + b_O."""
    return max(
        relative_error(
            attn_out(cache[f"blocks.{index}.attn.hook_z"], layer),
            cache[f"blocks.{index}.hook_attn_out"],
        )
        for index, layer in enumerate(model.layers)
    )


def addition_error(model: Model, cache: Any) -> float:
    """How far each layer's residual is from the sum of what was written into it."""
    worst = 0.0
    for layer in range(model.config.n_layers):
        written = (
            cache[f"blocks.{layer}.hook_resid_pre"]
            + cache[f"blocks.{layer}.hook_attn_out"]
            + cache[f"blocks.{layer}.hook_mlp_out"]
        )
        resid_post = cache[f"blocks.{layer}.hook_resid_post"]
        worst = max(worst, relative_error(written, resid_post))
    return worst
