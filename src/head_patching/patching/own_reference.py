"""The slow reference for models that TransformerLens does not fold: plain transformers.

One full forward pass per head, with attention as the model's own code computes it. The
products of queries with keys and of the pattern with values are watched; what goes into
them can be replaced, and what comes out. All between and around them, that is scales,
masks, positions, capping, norms and projections, is the model's. It shares nothing with
the engine.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.overrides import TorchFunctionMode

from head_patching.lookup import find
from head_patching.terms import PATCH_TYPES

# From an activation of one layer [prompt head ...] to what replaces it.
Replace = Callable[[Tensor], Tensor]
# By layer and name (q, k, v, pattern, z).
Replacements = Mapping[tuple[int, str], Replace]

PRODUCTS = ("matmul", "__matmul__", "bmm", "baddbmm")


class Attentions(TorchFunctionMode):
    """Every attention of a forward pass, in the order of the layers.

    Parameters
    ----------
    n_tokens
        Of the prompts; products of other shapes are no attention.
    n_prompts
        How many prompts there are.
    replacements
        What is replaced, where.
    """

    def __init__(
        self, n_tokens: int, n_prompts: int, replacements: Replacements
    ) -> None:
        super().__init__()
        self.n_tokens, self.n_prompts = n_tokens, n_prompts
        self.replacements, self.layer = replacements, 0
        self.has_scores, self.has_pattern = False, False  # of this layer
        self.kept: dict[tuple[int, str], Tensor] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "softmax" and self.has_scores:
            self.has_pattern = True
        if name not in PRODUCTS:
            return func(*args, **kwargs)
        args, kwargs, (first, second) = operands(name, args, kwargs)
        if not all(isinstance(x, Tensor) and x.ndim > 2 for x in (first, second)):
            return func(*args, **kwargs)
        square = (self.n_tokens, self.n_tokens)
        if first.shape[-2:] == square and self.has_pattern:
            first = self._put("pattern", first)
            second = self._put("v", second)
            z = func(*with_operands(name, args, first, second), **kwargs)
            z = self._put("z", z)
            self.layer += 1
            self.has_scores = self.has_pattern = False
            return z
        if self.has_scores:
            return func(*args, **kwargs)
        if (first.shape[-2], second.shape[-1]) == square and first.shape[-1] > 1:
            first = self._put("q", first)
            second = self._put("k", second.mT).mT
            self.has_scores = True
            return func(*with_operands(name, args, first, second), **kwargs)
        return func(*args, **kwargs)

    def _put(self, name: str, activation: Tensor) -> Tensor:
        """The activation or its replacement, which is remembered [prompt head ...]."""
        by_prompt = activation
        if activation.ndim == 3:
            by_prompt = activation.unflatten(0, (self.n_prompts, -1))
        replace = self.replacements.get((self.layer, name))
        if replace is not None:
            by_prompt = replace(by_prompt.clone())
        self.kept[self.layer, name] = by_prompt
        return by_prompt.reshape(activation.shape)


def operands(
    name: str, args: Any, kwargs: Any
) -> tuple[list[Any], dict[str, Any], tuple[Any, Any]]:
    """The arguments of a product, and its two factors."""
    if name == "baddbmm":
        args, kwargs = list(args), dict(kwargs)
        for key in ("batch1", "batch2"):
            if key in kwargs:
                args.append(kwargs.pop(key))
        return args, kwargs, (args[1], args[2])
    args = [*args, *kwargs.values()]
    return args, {}, (args[0], args[1])


def with_operands(
    name: str, args: list[Any], first: Tensor, second: Tensor
) -> list[Any]:
    """The arguments of a product with other factors."""
    start = 1 if name == "baddbmm" else 0
    return [*args[:start], first, second, *args[start + 2 :]]


@torch.no_grad()
def own_run(
    own: Any,
    tokens: Int[Tensor, "prompt position"],
    replacements: Replacements | None = None,
) -> tuple[Float[Tensor, "prompt d_vocab"], dict[tuple[int, str], Tensor]]:
    """Logits at END of one forward pass, and q, k, v, pattern and z of every layer.

    Parameters
    ----------
    own
        transformers' model, with attention of its own ("eager").
    replacements
        What is replaced, where: activations are [prompt head ...], with one key and
        value head for each query head, or for all.
    """
    n_prompts, n_tokens = tokens.shape
    with Attentions(n_tokens, n_prompts, replacements or {}) as attentions:
        logits = own(input_ids=tokens, use_cache=False).logits[:, -1]
    return logits.float(), attentions.kept


@torch.no_grad()
def own_reference_logits(
    own: Any,
    base_tokens: Int[Tensor, "batch position"],
    source_tokens: Int[Tensor, "batch position"],
    heads: Iterable[tuple[int, int]],
    patch_type: str,
    positions: Bool[Tensor, "batch position"] | None = None,
) -> Float[Tensor, "head batch d_vocab"]:
    """Logits at END with each of `heads` patched alone, from the source run.

    Attention of the layer runs a first time with the source's activations for all
    heads; the second time one head's z is taken from the first.

    Parameters
    ----------
    own
        transformers' model.
    base_tokens, source_tokens, heads, patch_type, positions
        As in `reference_logits`.
    """
    replaced = find("patch type", patch_type, PATCH_TYPES).replaces
    _, source = own_run(own, source_tokens)
    if positions is None:
        positions = torch.ones_like(base_tokens, dtype=torch.bool)

    def from_source(layer: int, name: str) -> Replace:
        where = positions[:, None, :, None]
        return lambda own: torch.where(where, source[layer, name], own)

    logits, with_all = [], {}
    for layer, head in heads:
        if layer not in with_all:
            swaps = {(layer, name): from_source(layer, name) for name in replaced}
            with_all[layer] = own_run(own, base_tokens, swaps)[1][layer, "z"]

        def put(z: Tensor, layer: int = layer, head: int = head) -> Tensor:
            z[:, head] = with_all[layer][:, head]
            return z

        logits.append(own_run(own, base_tokens, {(layer, "z"): put})[0])
    return torch.stack(logits)
