"""The form in which the engine takes a model: folded, or made of modules.

TransformerLens folds what it knows; the engine computes that fastest. A model that it
does not know, cannot fold or computes differently is run by transformers' own modules.
Whichever form is taken, its log-probabilities equal those of transformers.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from head_patching.models.bridge import config_of, load_bridge, tensors_of
from head_patching.models.checks import TOLERANCE, check_folded, check_own, failed
from head_patching.models.own_forward import (
    CHECKED_LENGTH,
    Truth,
    load_own,
    longest_prompt,
    rotary_limit,
    truth_of,
)
from head_patching.models.tensors import build_model, require_finite
from head_patching.models.tracing import setting, text_config
from head_patching.models.transformer import Model
from head_patching.models.unfolded import CONTEXT_NAMES, build_module_model

FOLDED, MODULES = "folded", "modules"
CONVENTIONS = {
    "LN": "norms folded, writing weights and unembedding centred, fp32",
    "RMS": "norms folded, unembedding centred, fp32",
}


@dataclass(frozen=True)
class Form:
    """A model in the form that was taken.

    Parameters
    ----------
    model
        The model.
    name
        `folded` or `modules`.
    tensors
        What `weights.safetensors` holds.
    errors
        Of each check.
    convention
        What was done to the weights, for people.
    """

    model: Model
    name: str
    tensors: dict[str, Tensor]
    errors: dict[str, float]
    convention: str


def take_form(
    checkpoint: Path, title: str, longest: int = CHECKED_LENGTH
) -> tuple[Form, dict[str, Any]]:
    """The form of a checkpoint's model that equals transformers, and what was checked.

    Parameters
    ----------
    checkpoint
        Its folder.
    title
        Its name.
    longest
        Tokens of the longest prompt that is compared.

    Raises
    ------
    ValueError
        When neither form equals transformers, with the reason in one line.
    """
    own = own_model(checkpoint, title)
    require_finite(title, dict(own.named_parameters()))
    settings, text = own.config.to_dict(), text_config(own)
    n_ctx = int(setting(text, *CONTEXT_NAMES, default=2048))
    limit = min(n_ctx, rotary_limit(settings) or n_ctx)
    start = setting(text, "bos_token_id")
    start = start if isinstance(start, int) else None
    truth = truth_of(own, vocabulary_of(own), limit, start, longest)
    reasons = []
    for name, take in (
        ("TransformerLens", lambda: folded(checkpoint, title, truth)),
        ("the engine", lambda: of_modules(own, title, truth)),
    ):
        form, reason = attempt(take)
        if form is not None:
            longest_allowed = min(
                limit, longest_prompt(settings, n_ctx, truth.lengths[-1])
            )
            return form, {
                "errors": {k: float(f"{e:.1e}") for k, e in form.errors.items()},
                "failed": [],
                "tolerance": TOLERANCE,
                "n_tokens": truth.lengths,
                "longest_prompt": longest_allowed,
            } | ({"not_folded": reasons[0]} if reasons else {})
        reasons.append(f"{name}: {reason}")
    raise ValueError(f"{title} ({type(own).__name__}) cannot be patched: {reasons[-1]}")


def own_model(checkpoint: Path, title: str) -> Any:
    """transformers' model; ValueError if it cannot run its own."""
    try:
        own = load_own(checkpoint)
        tokens = torch.full((1, 2), 3) % vocabulary_of(own)
        with torch.no_grad():
            own(input_ids=tokens, use_cache=False).logits.sum()
    except Exception as error:  # libraries raise anything for a model they don't know
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{title}: transformers cannot run it: {lines[0][:200]}"
        ) from error
    return own


def attempt(take: Callable[[], Form]) -> tuple[Form | None, str]:
    """A form if it equals transformers, else the reason why it does not."""
    try:
        form = take()
    except Exception as error:  # libraries raise anything for a model they don't know
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return None, lines[0][:200]
    wrong = failed(form.errors)
    if wrong:
        worst = max(form.errors[name] for name in wrong)
        differ = f"{', '.join(wrong)} differ by {worst:.1e} of the largest"
        return None, f"it does not compute what transformers does ({differ})"
    return form, ""


def folded(checkpoint: Path, title: str, truth: Truth) -> Form:
    """The model as TransformerLens folds it."""
    bridge = load_bridge(checkpoint)
    config = config_of(bridge, title)
    tensors = tensors_of(bridge, config)
    model = build_model(config, tensors)
    convention = (
        "TransformerLens compatibility mode: " + CONVENTIONS[config.normalization]
    )
    errors = check_folded(model, bridge, truth)
    return Form(model, FOLDED, tensors, errors, convention)


def of_modules(own: Any, title: str, truth: Truth) -> Form:
    """The model as transformers has it; `own` gets taps."""
    model = build_module_model(own, title)
    tensors = {
        f"blocks.{index}.attn.{name}": tensor
        for index, layer in enumerate(model.layers)
        for name in ("slopes", "sinks")
        if (tensor := getattr(layer.rule, name)) is not None
    }
    convention = "transformers' own modules, fp32"
    return Form(model, MODULES, tensors, check_own(model, truth), convention)


def vocabulary_of(own: Any) -> int:
    """Tokens that both the embedding and the unembedding know."""
    return int(own.get_input_embeddings().weight.shape[0])


def rules_record(model: Model) -> list[dict[str, Any]]:
    """The numbers of each layer's attention rule, for `model.json`."""
    return [
        {
            name: value
            for name, value in asdict(layer.rule).items()
            if name not in ("slopes", "sinks")
        }
        for layer in model.layers
    ]
