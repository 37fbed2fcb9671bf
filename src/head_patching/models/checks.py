"""The engine's assumptions about a model, tested when the model is prepared.

The engine does not rely on an architecture's name. On short and long prompts it
compares its log-probabilities with those of transformers, which are the truth. Of a
model that TransformerLens folds, every layer's residual is compared with
TransformerLens's, and each assumption of patching is tested. `model.json` says which
check failed.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from head_patching.models.activations import Activations
from head_patching.models.attending import Attention
from head_patching.models.layer import Layer
from head_patching.models.layers import (
    ACTIVATION_FUNCTIONS,
    attention_pattern,
    head_outputs,
    per_query_head,
)
from head_patching.models.own_forward import Truth, relative_error
from head_patching.models.transformer import Model, forward
from head_patching.terms import SHARED_IN_GROUP

# fp32 rounding through some tens of layers, relative to the largest expected value.
TOLERANCE = 1e-4


@torch.no_grad()
def check_folded(model: Model, bridge: Any, truth: Truth) -> dict[str, float]:
    """The largest relative error of each assumption about a folded model.

    The checks: `residual` and `logits` (our forward pass equals TransformerLens's),
    `head_output` (attention writes z @ W_O + b_O), `addition` (the residual after
    attention is the residual before it plus that write, or the sum of both writes for
    parallel layers), and those of `check_own`.

    Raises
    ------
    ValueError
        When the model has an activation function that is not among the folded ones.
    """
    if model.config.act_fn not in ACTIVATION_FUNCTIONS:
        raise ValueError(f"its activation function ({model.config.act_fn}) is not one")
    tokens = truth.tokens[0]
    logits, cache = bridge.run_with_cache(tokens)
    ours = model.run(tokens)
    return {
        "residual": residual_error(ours, cache),
        "logits": relative_error(ours.final_logits, logits[:, -1]),
        "head_output": head_output_error(model, cache),
        "addition": addition_error(model, cache),
    } | check_own(model, truth)


@torch.no_grad()
def check_own(model: Model, truth: Truth) -> dict[str, float]:
    """The largest relative error of our forward pass, whatever the model is made of.

    The checks: `log_probabilities` and `log_probabilities_long` (equal to those of
    transformers, after short and after long prompts), `causality` (a changed last token
    changes nothing before it), `parts` (prompts can be run in parts, and padded).

    Raises
    ------
    ValueError
        When an activation that can be patched moves nothing in any layer.
    """
    require_moved(model, truth.tokens[0])
    errors = truth.errors(lambda tokens: logits_after(model, tokens))
    names = "log_probabilities", "log_probabilities_long"
    tokens = truth.tokens[0]
    return dict(zip(names, errors, strict=False)) | {
        "causality": causality_error(model, tokens),
        "parts": parts_error(model, tokens),
    }


def logits_after(
    model: Model, tokens: Int[Tensor, "prompt token"]
) -> Float[Tensor, "prompt d_vocab"]:
    """Logits at END; no activations are kept, which would fill the memory."""
    resid, places = model.embed(tokens), model.places(0, tokens.shape[1])
    for layer in model.layers:
        resid = layer.through(resid, places, Attention(layer, None, None))
    return model.unembed(resid[:, -1])


def failed(errors: dict[str, float]) -> list[str]:
    """The names of the checks that fail."""
    return [name for name, error in errors.items() if not error <= TOLERANCE]


def require_moved(model: Model, tokens: Int[Tensor, "prompt token"]) -> None:
    """Refuse a model in which replacing an activation of all heads moves nothing.

    Each is taken from the run of other prompts, in one layer at a time.
    """
    base, source = model.run(tokens), model.run(tokens.flip(0))
    places = model.places(0, base.n_positions)
    idle = sorted({name for name, _ in base.by_layer()} - {"resid_pre"})
    for index, layer in enumerate(model.layers):
        own = {name: tensor[index] for name, tensor in base.by_layer()}
        resid_pre = base.resid_pre[index]

        def resid_post(activations: Mapping[str, Tensor], name: str) -> Tensor:
            z = z_from(layer, activations, name)  # noqa: B023 (called at once)
            return layer.through(resid_pre, places, lambda *_: z)  # noqa: B023

        for name in list(idle):
            patched = own | {name: getattr(source, name)[index]}
            if not torch.equal(resid_post(patched, name), resid_post(own, name)):
                idle.remove(name)
        if not idle:
            return
    raise ValueError(f"patches of {', '.join(idle)} would move nothing")


def z_from(layer: Layer, activations: Mapping[str, Tensor], name: str) -> Tensor:
    """z of a layer, computed from the activation of that name on."""
    if name == "z":
        return activations["z"]
    k, v = (per_query_head(activations[each], layer.config) for each in SHARED_IN_GROUP)
    pattern = activations["pattern"]
    if name != "pattern":
        pattern = attention_pattern(activations["q"], k, rule=layer.rule)
    return head_outputs(pattern, v)


def parts_error(model: Model, tokens: Int[Tensor, "prompt token"]) -> float:
    """How much it changes to run prompts in two parts, or with padding before them.

    Patched runs begin at the first token that differs, and short prompts are padded.
    """
    whole, middle = model.run(tokens), max(1, tokens.shape[1] // 2)
    before = model.run(tokens[:, :middle])
    if middle == tokens.shape[1]:
        return 0.0
    later = forward(model, tokens[:, middle:], before=before)
    shorter = tokens[:, :-1]
    padded = torch.cat((torch.zeros_like(tokens[:, :1]), shorter), dim=1)
    n_padding = torch.ones(len(tokens), dtype=torch.long)
    behind = forward(model, padded, padding=n_padding)
    return max(
        relative_error(later.final_logits, whole.final_logits),
        relative_error(behind.final_logits, model.run(shorter).final_logits),
    )


def causality_error(model: Model, tokens: Int[Tensor, "prompt token"]) -> float:
    """How much a changed last token changes before it."""
    changed = tokens.clone()
    changed[:, -1] = (changed[:, -1] + 1) % model.config.d_vocab
    before, after = model.run(tokens), model.run(changed)
    return relative_error(after.resid_pre[:, :, :-1], before.resid_pre[:, :, :-1])


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
            layer.attn_out(cache[f"blocks.{index}.attn.hook_z"]),
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
