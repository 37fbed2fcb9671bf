"""The residual stream of a model that is run by transformers' own modules."""

import inspect
import threading
from collections import OrderedDict
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from head_patching.models.places import Places
from head_patching.models.taps import TAPS, Taken, WatchedProducts, take, tapped
from head_patching.models.tracing import Parts
from head_patching.models.watching import first_of

REMEMBERED = 64  # arguments of layers, of batches of different shapes


class Stream:
    """The residual stream of a transformers model, into which the engine cuts.

    Parameters
    ----------
    own
        transformers' model. Its modules get taps, once and for all.
    parts
        The modules of each layer.
    """

    def __init__(self, own: Any, parts: list[Parts]) -> None:
        self.own, self.parts, self.lock = own, parts, threading.RLock()
        self.remembered: OrderedDict[Any, list[Any]] = OrderedDict()
        accepted = {*inspect.signature(own.forward).parameters}
        self.takes_positions = "position_ids" in accepted
        for number, of_layer in enumerate(parts):
            tap_layer(of_layer, number)
            tap_mixer(of_layer.mixer, of_layer)
            tap_projection(of_layer.projection)
            for module in of_layer.mlps:
                tap_mlp(module)

    def to(self, device: str, dtype: torch.dtype) -> None:
        """Move transformers' model, in place."""
        self.own.to(device, dtype)
        self.remembered.clear()

    def arguments(
        self, index: int, places: Places, n_rows: int
    ) -> tuple[tuple, dict[str, Any]]:
        """What a layer is given, besides the stream, for some rows of positions."""
        numbers = places.numbers if places.numbers.ndim == 2 else places.numbers[None]
        numbers = numbers.repeat(n_rows // len(numbers), 1)  # [row position]
        key = numbers.shape, str(numbers.device), numbers.numpy(force=True).tobytes()
        with self.lock:
            if key not in self.remembered:
                # They may be read again where gradients are wanted.
                with torch.inference_mode(False), torch.no_grad():
                    self.remembered[key] = self._arguments(numbers.clone())
                if len(self.remembered) > REMEMBERED:
                    self.remembered.popitem(last=False)
            self.remembered.move_to_end(key)
            return self.remembered[key][index]

    def _arguments(self, numbers: Int[Tensor, "row position"]) -> list[Any]:
        found: list[Any] = []

        def layer(number: int, args: Any, kwargs: Any) -> Tensor:
            found.append((args, kwargs))
            if number == len(self.parts) - 1:
                raise Taken(found)  # no logits are wanted
            return first_of(args, kwargs)

        with tapped(layer=layer):
            return take(lambda: self.call(torch.zeros_like(numbers), numbers))

    def embed(
        self, tokens: Int[Tensor, "row position"], numbers: Int[Tensor, "row position"]
    ) -> Float[Tensor, "row position d_model"]:
        """What the first layer reads."""
        if not self.takes_positions and bool(numbers.any()):
            return self._embed_in_place(tokens, numbers)

        def layer(number: int, args: Any, kwargs: Any) -> Tensor:
            raise Taken(first_of(args, kwargs))

        with tapped(layer=layer):
            return take(lambda: self.call(tokens, numbers))

    def _embed_in_place(
        self, tokens: Int[Tensor, "row position"], numbers: Int[Tensor, "row position"]
    ) -> Float[Tensor, "row position d_model"]:
        """What the first layer reads, of a model that counts positions itself.

        Each token is put where it is in its prompt, others before it.
        """
        n_rows, count = tokens.shape
        whole = tokens.new_zeros(n_rows, int(numbers.max()) + 1)
        rows = torch.arange(n_rows, device=tokens.device)
        for place in range(count):  # padding, which has position 0, comes first
            whole[rows, numbers[:, place]] = tokens[:, place]

        def layer(number: int, args: Any, kwargs: Any) -> Tensor:
            raise Taken(first_of(args, kwargs))

        with tapped(layer=layer):
            resid = take(lambda: self.call(whole, whole))
        return resid[rows[:, None], numbers]

    def unembed(
        self, final: Float[Tensor, "row d_model"]
    ) -> Float[Tensor, "row d_vocab"]:
        """Logits of what the last layer writes."""
        zeros = torch.zeros(len(final), 1, dtype=torch.long, device=final.device)

        def layer(number: int, args: Any, kwargs: Any) -> Tensor:
            is_last = number == len(self.parts) - 1
            return final[:, None] if is_last else first_of(args, kwargs)

        with tapped(layer=layer):
            return self.call(zeros, zeros)[:, 0]

    def call(
        self, tokens: Int[Tensor, "row position"], numbers: Int[Tensor, "row position"]
    ) -> Float[Tensor, "row position d_vocab"]:
        """The model's own forward pass."""
        given = {"position_ids": numbers} if self.takes_positions else {}
        return self.own(input_ids=tokens, use_cache=False, **given).logits


def tap_layer(parts: Parts, number: int) -> None:
    """Let a layer ask the tap `layer` first."""
    forward, n_others = parts.layer.forward, parts.n_returned_by_layer - 1

    def tap(*args: Any, **kwargs: Any) -> Any:
        if TAPS.layer is None:
            return forward(*args, **kwargs)
        written = TAPS.layer(number, args, kwargs)
        return written if n_others < 0 else (written, *[None] * n_others)

    parts.layer.forward = tap


def tap_mixer(mixer: nn.Module, parts: Parts) -> None:
    """Let the module around attention ask the tap `mixer` first."""
    own = mixer.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        if parts.asks or TAPS.attention is None:
            return own(*args, **kwargs)
        with WatchedProducts(parts.n_heads):
            return own(*args, **kwargs)

    def tap(*args: Any, **kwargs: Any) -> Any:
        if TAPS.mixer is None:
            return forward(*args, **kwargs)
        return TAPS.mixer(forward, args, kwargs)

    mixer.forward = tap


def tap_projection(projection: nn.Module) -> None:
    """Let the output projection ask the tap `projection` first."""
    forward = projection.forward

    def tap(read: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if TAPS.projection is None:
            return forward(read, *args, **kwargs)
        return TAPS.projection(forward, read)

    projection.forward = tap


def tap_mlp(module: nn.Module) -> None:
    """Let what a module of an MLP returns pass by the tap `mlp`."""
    forward = module.forward

    def tap(*args: Any, **kwargs: Any) -> Any:
        returned = forward(*args, **kwargs)
        return returned if TAPS.mlp is None else TAPS.mlp(module, returned)

    module.forward = tap
