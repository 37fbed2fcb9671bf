"""Where the engine cuts into transformers' modules: layers, attention, projections.

A tap is a place in a model's forward pass at which a function of ours is called, if one
is set in this thread; otherwise the module does what it always does. With it a layer
is run on some positions only, with attention of the engine's making between its q, k
and v and the output projection. All else a layer does is left to its own code.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# The name under which transformers finds our attention function.
ATTENTION = "head_patching"


class Taps(threading.local):
    """The functions that are called at the taps, in this thread (None: none).

    - `layer`: from a layer's index and arguments to its output;
    - `mixer`: from the module around attention, its own forward and its arguments to
      its output;
    - `attention`: from q, k and v [row position heads d_head], and what else the model
      gives to its attention, to z;
    - `projection`: from the projection's own forward and what it reads to attn_out;
    - `mlp`: from a module of a layer's MLP and what it returns to what it should.
    """

    layer: Callable[..., Any] | None = None
    mixer: Callable[..., Any] | None = None
    attention: Callable[..., Tensor] | None = None
    projection: Callable[..., Tensor] | None = None
    mlp: Callable[..., Any] | None = None


TAPS = Taps()


class Taken(Exception):
    """Carries what was wanted out of a layer, whose rest is not needed."""

    def __init__(self, value: Any) -> None:
        self.value = value


@contextmanager
def tapped(**functions: Callable[..., Any] | None) -> Iterator[None]:
    """The taps of these names call these functions, in this thread."""
    before = {name: getattr(TAPS, name) for name in functions}
    for name, function in functions.items():
        setattr(TAPS, name, function)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(TAPS, name, function)


def take(run: Callable[[], Any]) -> Any:
    """What a function at a tap raises as `Taken`."""
    try:
        run()
    except Taken as taken:
        return taken.value
    raise RuntimeError("the layer did not reach the tap")


def attention_function(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Called by transformers in place of its own attention."""
    if TAPS.attention is None:
        raise RuntimeError("attention is computed by the engine alone")
    qkv = (each.transpose(1, 2) for each in (query, key, value))
    settings |= {"attention_mask": attention_mask, "module": module}
    return TAPS.attention(*qkv, settings).contiguous(), None


def register() -> None:
    """Make our attention known to transformers, once for all models."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    AttentionInterface.register(ATTENTION, attention_function)
    AttentionMaskInterface.register(ATTENTION, eager_mask)


class WatchedProducts(TorchFunctionMode):
    """Attention written out in a module: scores, softmax, and the sum of values.

    The first product of two activations is that of queries and keys, the first one
    after a softmax that of the pattern and the values: its result is replaced.
    """

    PRODUCTS = ("matmul", "__matmul__", "bmm", "baddbmm")

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qk: tuple[Tensor, Tensor] | None = None
        self.products: Tensor | None = None
        self.scores: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in self.PRODUCTS and self._of_activations(name, args, kwargs):
            first, second = self._operands(name, args, kwargs)
            if self.qk is None:
                self.qk = first, second.transpose(-1, -2)
                result = func(*args, **kwargs)
                self.products = result
                return result
            if self.scores is not None and TAPS.attention is not None:
                return self._attended(first, second)
        elif name == "softmax" and self.qk is not None and self.scores is None:
            self.scores = args[0]
        return func(*args, **kwargs)

    def _operands(self, name: str, args: Any, kwargs: Any) -> tuple[Tensor, Tensor]:
        if name == "baddbmm":
            named = kwargs.get("batch1"), kwargs.get("batch2")
            return named if named[0] is not None else tuple(args[1:3])
        return args[0], args[1] if len(args) > 1 else next(iter(kwargs.values()))

    def _of_activations(self, name: str, args: Any, kwargs: Any) -> bool:
        operands = self._operands(name, args, kwargs)
        return all(isinstance(each, Tensor) and each.ndim > 2 for each in operands)

    def _by_head(self, tensor: Tensor) -> Tensor:
        """[row position heads d_head] of [row heads ...] or [row*heads ...]."""
        if tensor.ndim == 3:
            tensor = tensor.unflatten(0, (-1, self.n_heads))
        return tensor.transpose(1, 2)

    def _attended(self, pattern: Tensor, value: Tensor) -> Tensor:
        q, k, v = (self._by_head(each) for each in (*self.qk, value))
        settings = {"products": self.qk, "scores": self.scores}
        with torch._C.DisableTorchFunction():
            z = TAPS.attention(q, k, v, settings)  # [row position head d_head]
        self.qk = self.scores = None
        return z.transpose(1, 2).reshape(*pattern.shape[:-1], z.shape[-1])
