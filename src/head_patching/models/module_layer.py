"""A layer of a model that is not folded: transformers' own module, run on some rows.

Between q, k and v and the output projection attention is the engine's; all else a layer
does, it does by its own code: norms before and after, gates, experts, scalings.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.attention import AttentionRule
from head_patching.models.layer import Attend, Layer
from head_patching.models.places import ALL, Places
from head_patching.models.shape import ModelConfig
from head_patching.models.stream import Stream
from head_patching.models.taps import Taken, take, tapped
from head_patching.models.tracing import EPS_NAMES, Parts, setting
from head_patching.models.watching import first_tensor


@dataclass(frozen=True)
class ModuleLayer(Layer):
    """One layer; its methods are those of `LayerWeights`.

    Parameters
    ----------
    stream
        What the layer is given besides the residual stream.
    index
        Its number.
    config
        The shape of the model.
    parts
        Its modules.
    rule
        How its scores become a pattern.
    W_O, b_O
        Of its output projection.
    W_Q, W_K, W_V, b_V
        Of its projections, as far as they are linear: norms of queries and keys are
        replaced by their weights.
    gain
        What attn_out, normalised if there is a norm behind it, is multiplied by when it
        is added to the stream.
    """

    stream: Stream
    index: int
    config: ModelConfig
    parts: Parts
    rule: AttentionRule
    W_O: Float[Tensor, "head d_value d_model"]
    b_O: Float[Tensor, " d_model"] | None
    W_Q: Float[Tensor, "head d_model d_head"]
    W_K: Float[Tensor, "kv_head d_model d_head"]
    W_V: Float[Tensor, "kv_head d_model d_value"]
    b_V: Float[Tensor, "kv_head d_value"] | None
    gain: float = 1.0

    @property
    def W_write(self) -> Float[Tensor, "head d_value d_model"]:
        """W_O, the weights of a norm behind it, and the multiplier of what is added."""
        weights = self.W_O * self.gain
        if self.parts.norm_behind is not None:
            weights = weights * norm_weights(self.parts.norm_behind, weights[0, :1])
        return weights

    def write_divisor(
        self, z: Float[Tensor, "batch head d_value"]
    ) -> Float[Tensor, " batch"]:
        """What a norm on the output divides what the heads write by."""
        norm = self.parts.norm_behind
        if norm is None:
            return z.new_ones(len(z))
        eps = float(setting(norm, *EPS_NAMES, default=1e-6))
        return (self.attn_out(z).square().mean(dim=-1) + eps).sqrt()

    def through(
        self,
        resid_pre: Float[Tensor, "*batch position d_model"],
        places: Places,
        attend: Attend,
        query_pos: slice = ALL,
        added: Float[Tensor, "*batch query_pos d_model"] | None = None,
    ) -> Float[Tensor, "*batch query_pos d_model"]:
        """resid_post of the layer (see `LayerWeights.through`)."""
        if query_pos != ALL:
            z = attend(*self.qkv(resid_pre, places))
            of_queries, places = resid_pre[..., query_pos, :], places.at(query_pos)
            return self.through(of_queries, places, lambda *_: z, added=added)

        def attention(q: Tensor, k: Tensor, v: Tensor, _settings: Any) -> Tensor:
            lead = resid_pre.shape[:-2]
            z = attend(*(each.unflatten(0, lead) for each in (q, k, v)))
            return z.flatten(0, len(lead) - 1)

        def projection(forward: Callable[..., Tensor], read: Tensor) -> Tensor:
            written = forward(read)
            return written if added is None else written + added.flatten(0, -3)

        with tapped(attention=attention, projection=projection):
            return self.run(resid_pre, places)

    def qkv(
        self, resid_pre: Float[Tensor, "*batch position d_model"], places: Places
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [... position heads d_head], as attention reads."""
        with tapped(attention=take_qkv):
            taken = take(lambda: self.run(resid_pre, places))
        q, k, v = (each.unflatten(0, resid_pre.shape[:-2]) for each in taken)
        return q, k, v

    def read(
        self, resid_pre: Float[Tensor, "*batch position d_model"], places: Places
    ) -> Float[Tensor, "*batch position d_model"]:
        """What attention reads, behind the layer's norm."""

        def mixer(forward: Any, args: Any, kwargs: Any) -> Any:
            raise Taken(args[0] if args else kwargs["hidden_states"])

        with tapped(mixer=mixer):
            taken = take(lambda: self.run(resid_pre, places))
        return taken.unflatten(0, resid_pre.shape[:-2])

    def project(
        self, x: Float[Tensor, "*batch position d_model"], places: Places
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of what attention reads."""

        def mixer(forward: Any, args: Any, kwargs: Any) -> Any:
            flat = x.flatten(0, -3)
            if args:
                return forward(flat, *args[1:], **kwargs)
            return forward(**kwargs | {"hidden_states": flat})

        with tapped(attention=take_qkv, mixer=mixer):
            taken = take(lambda: self.run(torch.zeros_like(x), places))
        q, k, v = (each.unflatten(0, x.shape[:-2]) for each in taken)
        return q, k, v

    def attn_out(
        self, z: Float[Tensor, "*batch position head d_value"]
    ) -> Float[Tensor, "*batch position d_model"]:
        """attn_out: what the output projection makes of all heads' outputs."""
        return self.parts.projection(z.flatten(-2))

    def rest(
        self,
        resid_pre: Float[Tensor, "*_stream position d_model"],
        attn_out: Float[Tensor, "*_written position d_model"],
        places: Places,
    ) -> Float[Tensor, "*_both position d_model"]:
        """resid_post of the layer, from its input and what its attention wrote."""
        resid_pre, attn_out = torch.broadcast_tensors(resid_pre, attn_out)
        written = attn_out.flatten(0, -3)

        def mixer(forward: Any, args: Any, kwargs: Any) -> Any:
            n_others = self.parts.n_returned - 1
            return written if n_others < 0 else (written, *[None] * n_others)

        if self.parts.returns_projection:
            with tapped(mixer=mixer):
                return self.run(resid_pre, places)
        with tapped(attention=no_z, projection=lambda forward, read: written):
            return self.run(resid_pre, places)

    def starting(
        self,
        resid_pre: Float[Tensor, "batch position d_model"],
        z: Float[Tensor, "batch position head d_value"],
        places: Places,
    ) -> Callable[[Tensor], Tensor]:
        """resid_post of patches that start here (see `LayerWeights.starting`)."""
        base = self.attn_out(z)
        return lambda delta: self.rest(resid_pre, base + delta, places)

    def changing(
        self,
        resid_pre: Float[Tensor, "batch position d_model"],
        z: Float[Tensor, "batch position head d_value"],
        places: Places,
        mlps: str = "recomputed",
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """By how much resid_post changes (see `LayerWeights.changing`)."""
        written, kept = self.attn_out(z), {}  # module: its output

        def remember(module: Any, output: Any) -> Any:
            kept[module] = first_tensor(output)
            return output

        def repeat(module: Any, output: Any) -> Any:
            now = first_tensor(output)
            times = len(now) // len(kept[module])  # patches
            repeated = kept[module].repeat(times, *[1] * (now.ndim - 1))
            return (repeated, *output[1:]) if isinstance(output, tuple) else repeated

        with tapped(mlp=remember):
            unpatched = self.rest(resid_pre, written, places)

        def change(resid_change: Tensor, delta: Tensor) -> Tensor:
            with tapped(mlp=repeat if mlps == "frozen" else None):
                after = self.rest(resid_pre + resid_change, written + delta, places)
            return after - unpatched

        return change

    def run(
        self, resid_pre: Float[Tensor, "*batch position d_model"], places: Places
    ) -> Float[Tensor, "*batch position d_model"]:
        """What the layer's module returns, with functions at its taps."""
        lead, flat = resid_pre.shape[:-2], resid_pre.flatten(0, -3)
        args, kwargs = self.stream.arguments(self.index, places, len(flat))
        with tapped(layer=None):
            if args:
                returned = self.parts.layer(flat, *args[1:], **kwargs)
            else:
                returned = self.parts.layer(**kwargs | {"hidden_states": flat})
        return first_tensor(returned).unflatten(0, lead)

    def to(self, device: str, dtype: torch.dtype) -> "ModuleLayer":
        """The layer on another device, or in another precision."""
        names = "W_O", "b_O", "W_Q", "W_K", "W_V", "b_V"
        moved = {
            name: tensor.to(device, dtype)
            for name in names
            if (tensor := getattr(self, name)) is not None
        }
        return replace(self, rule=self.rule.to(device, dtype), **moved)


def norm_weights(norm: Any, like: Tensor) -> Tensor:
    """What a norm multiplies by, of the shape of `like`."""
    unit = torch.ones_like(like)
    unit[..., 1::2] = -1  # of mean 0 and size 1
    return (norm(unit) - norm(-unit)) / 2 * unit


def take_qkv(q: Tensor, k: Tensor, v: Tensor, _settings: Any) -> Tensor:
    """At the tap of attention: q, k and v are all that is wanted."""
    raise Taken((q, k, v))


def no_z(q: Tensor, k: Tensor, v: Tensor, _settings: Any) -> Tensor:
    """At the tap of attention: z that nothing reads."""
    return q.new_zeros(*q.shape[:-1], v.shape[-1])
