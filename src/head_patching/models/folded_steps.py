"""What the engine does with a layer whose weights are folded.

A layer that is made of modules has the same methods (`module_layer`).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from head_patching.models.attention import PLAIN, AttentionRule
from head_patching.models.layer import Attend, Layer
from head_patching.models.layers import ACTIVATION_FUNCTIONS, normalise, rotate
from head_patching.models.places import ALL, Places
from head_patching.models.products import linear


class FoldedSteps(Layer):
    """The steps through one layer; its weights are those of `LayerWeights`."""

    @property
    def rule(self) -> AttentionRule:
        """How scores become a pattern; other layers than plain ones are not folded."""
        return PLAIN

    @property
    def W_write(self) -> Float[Tensor, "head d_head d_model"]:
        """W_O, and what stands between it and the residual stream: here nothing."""
        return self.W_O

    def write_divisor(
        self, z: Float[Tensor, "batch head d_head"]
    ) -> Float[Tensor, " batch"]:
        """What a norm on the output divides what the heads write by: here 1."""
        return z.new_ones(len(z))

    def read(
        self, resid_pre: Float[Tensor, "*batch position d_model"], places: Places
    ) -> Float[Tensor, "*batch position d_model"]:
        """What attention reads, behind the layer's norm."""
        return normalise(resid_pre, self.config)

    def through(
        self,
        resid_pre: Float[Tensor, "*batch position d_model"],
        places: Places,
        attend: Attend,
        query_pos: slice = ALL,
        added: Float[Tensor, "*batch query_pos d_model"] | None = None,
    ) -> Float[Tensor, "*batch query_pos d_model"]:
        """resid_post of the layer.

        Parameters
        ----------
        places
            Of the positions of `resid_pre`.
        attend
            What makes z, at the positions `query_pos`, of q, k and v.
        query_pos
            Where resid_post is wanted.
        added
            Added to attn_out.
        """
        x = normalise(resid_pre, self.config)
        resid = self.attn_out(attend(*self.project(x, places)))
        sum_into = torch.add if torch.is_grad_enabled() else Tensor.add_
        resid = sum_into(resid, resid_pre[..., query_pos, :])
        if added is not None:
            resid = sum_into(resid, added)
        if self.config.parallel_attn_mlp:
            return sum_into(resid, self.mlp_out(x[..., query_pos, :]))
        return sum_into(resid, self.mlp_out(normalise(resid, self.config)))

    def qkv(
        self, resid_pre: Float[Tensor, "*batch position d_model"], places: Places
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [... position heads d_head], q and k rotated."""
        return self.project(normalise(resid_pre, self.config), places)

    def project(
        self, x: Float[Tensor, "*batch position d_model"], places: Places
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of what the layer reads, normalised."""
        config, n_kv = self.config, self.config.n_key_value_heads
        qkv = linear(x, self.W_QKV, self.b_QKV)
        qkv = qkv.unflatten(-1, (-1, config.d_head))  # [... position heads d_head]
        # heads of qk: the query heads, then the key-value heads; k, v: one a group
        qk, v = qkv.split((config.n_heads + n_kv, n_kv), dim=-2)
        q, k = rotate(qk, places.cos, places.sin).split((config.n_heads, n_kv), dim=-2)
        return q, k, v

    def attn_out(
        self, z: Float[Tensor, "*batch position head d_head"]
    ) -> Float[Tensor, "*batch position d_model"]:
        """attn_out: what all heads of the layer write together, and b_O."""
        return linear(z.flatten(-2), self.W_O.flatten(0, 1), self.b_O)

    def mlp_out(
        self, x: Float[Tensor, "*batch position d_model"]
    ) -> Float[Tensor, "*batch position d_model"]:
        """mlp_out: what the MLP writes, b_out included, given its normalised input."""
        activation = ACTIVATION_FUNCTIONS[self.config.act_fn]
        if self.W_gate is not None:
            gate = activation(linear(x, self.W_gate, self.b_gate))
            hidden = gate.mul_(linear(x, self.W_in, self.b_in))
        else:
            hidden = activation(linear(x, self.W_in, self.b_in))
        return linear(hidden, self.W_out, self.b_out)

    def starting(
        self,
        resid_pre: Float[Tensor, "batch position d_model"],
        z: Float[Tensor, "batch position head d_head"],
        places: Places,
    ) -> Callable[[Tensor], Tensor]:
        """resid_post of patches that start here, from what they add to attn_out.

        Parameters
        ----------
        resid_pre, z
            Of the run that is patched.
        places
            Of its positions.
        """
        config, base = self.config, resid_pre + self.attn_out(z)
        if config.parallel_attn_mlp:  # the MLP read resid_pre: the patch is not in it
            base += self.mlp_out(normalise(resid_pre, config))
            return lambda delta: delta + base

        def start(delta: Tensor) -> Tensor:
            resid = delta + base
            return resid.add_(self.mlp_out(normalise(resid, config)))

        return start

    def changing(
        self,
        resid_pre: Float[Tensor, "batch position d_model"],
        z: Float[Tensor, "batch position head d_head"],
        places: Places,
        mlps: str = "recomputed",
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """By how much resid_post changes when the layer's heads are frozen.

        The function returned takes by how much resid_pre changes, and what is added to
        attn_out: [patch batch position d_model] both.

        Parameters
        ----------
        resid_pre, z
            Of the run that is patched: heads write what they wrote there.
        places
            Of its positions.
        mlps
            Whether MLPs are `recomputed`, or `frozen` at their outputs in that run.
        """
        is_parallel, mlp_in = self.config.parallel_attn_mlp, resid_pre
        if not is_parallel:
            mlp_in = mlp_in + self.attn_out(z)
        unpatched = self.mlp_out(normalise(mlp_in, self.config))

        def change(resid_change: Tensor, delta: Tensor) -> Tensor:
            total = resid_change + delta
            if mlps == "frozen":
                return total
            patched_in = mlp_in + (resid_change if is_parallel else total)
            patched = self.mlp_out(normalise(patched_in, self.config))
            return total.add_(patched.sub_(unpatched))

        return change

    def rest(
        self,
        resid_pre: Float[Tensor, "*_stream position d_model"],
        attn_out: Float[Tensor, "*_written position d_model"],
        places: Places,
    ) -> Float[Tensor, "*_both position d_model"]:
        """resid_post of the layer, from its input and what its attention wrote."""
        resid_mid = resid_pre + attn_out
        mlp_in = resid_pre if self.config.parallel_attn_mlp else resid_mid
        return resid_mid + self.mlp_out(normalise(mlp_in, self.config))
