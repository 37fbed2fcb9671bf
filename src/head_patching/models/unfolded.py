"""From a model of transformers to a `ModuleModel`, by inspection.

What is stored of such a model is its checkpoint; here its parts are found again, and
the weights that say what its heads could do are read off the modules by what they do to
unit vectors.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from head_patching.models.attention import PLAIN, AttentionRule
from head_patching.models.measured import gain_of, read_unembedding_
from head_patching.models.module_layer import ModuleLayer, norm_weights
from head_patching.models.module_model import ModuleModel
from head_patching.models.own_forward import CHECKED_LENGTH
from head_patching.models.places import Places
from head_patching.models.rules import rule_of
from head_patching.models.shape import ModelConfig
from head_patching.models.stream import Stream
from head_patching.models.taps import Taken, take, tapped
from head_patching.models.tracing import (
    EPS_NAMES,
    Parts,
    setting,
    text_config,
    trace,
)

N_POSITIONS = 64  # whose learned positions are read off
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len",
                 "seq_length")  # fmt: skip
WIDTH_NAMES = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size",
               "moe_intermediate_size", "d_ff")  # fmt: skip


@torch.no_grad()
def build_module_model(
    own: Any, title: str, rules: Sequence[AttentionRule] | None = None
) -> ModuleModel:
    """The model, run by transformers' own modules, which get taps.

    Parameters
    ----------
    own
        transformers' model. It can't be run on its own any more.
    title
        Its name.
    rules
        The attention rule of each layer (None: they are measured).

    Raises
    ------
    ValueError
        When something in the model is not known to the engine, in one line.
    """
    own.requires_grad_(False)
    parts = trace(own)
    stream = Stream(own, parts)
    require_same_heads(parts)
    require_no_tokens(stream)
    tokens = torch.arange(text_config(own).vocab_size)
    W_E = stream.embed(tokens[:, None], torch.zeros_like(tokens)[:, None])[:, 0]
    config, norm = shape_of(own, title, parts, W_E)
    W_pos = learned_positions(stream, config)
    layers = [layer_of(stream, config, i, PLAIN) for i in range(len(parts))]
    if rules is None:
        rules = measured_rules(stream, config, layers)
    layers = [layer_of(stream, config, i, rule) for i, rule in enumerate(rules)]
    model = ModuleModel(
        config=config, layers=layers, W_E=W_E, W_pos=W_pos, rotary_cos=None,
        rotary_sin=None, W_U=W_E.T, b_U=W_E[:, 0], stream=stream,
    )  # fmt: skip
    read_unembedding_(model, norm)
    return model


def require_same_heads(parts: Sequence[Parts]) -> None:
    """Refuse layers whose heads differ in number or size."""
    shapes = {(p.n_heads, p.n_key_value_heads, p.d_head, p.d_value) for p in parts}
    if len(shapes) > 1:
        raise ValueError("the number or size of heads differs between layers")


def require_no_tokens(stream: Stream) -> None:
    """Refuse layers that are given something of each token besides the stream."""
    given = []
    for token in (2, 3):
        found: list[Any] = []

        def layer(
            number: int, args: Any, kwargs: Any, found: list[Any] = found
        ) -> Tensor:
            hidden = args[0] if args else kwargs["hidden_states"]
            found.append([*args[1:], *kwargs.items()])
            return hidden

        numbers = torch.arange(3)[None]
        with tapped(layer=layer):
            stream.call(torch.full_like(numbers, token), numbers)
        given.append(
            [tensor for tensor in tensors_in(found) if tensor.is_floating_point()]
        )
    hidden = stream.embed(torch.full_like(numbers, 2), numbers)
    for first, second in zip(*given, strict=True):
        is_stream = first.shape == hidden.shape and torch.equal(first, hidden)
        if not is_stream and not torch.equal(first, second):
            raise ValueError("its layers read the token itself besides the stream")


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)


def shape_of(
    own: Any, title: str, parts: Sequence[Parts], W_E: Float[Tensor, "token d_model"]
) -> tuple[ModelConfig, nn.Module | None]:
    """The shape of the model, and its last norm."""
    text, first = text_config(own), parts[0]
    d_model = W_E.shape[1]
    in_layers = {each for p in parts for each in p.layer.modules()}
    norms = [
        each for each in own.modules()
        if "Norm" in type(each).__name__ and each not in in_layers
    ]  # fmt: skip
    norm = norms[-1] if norms else None
    eps = float(setting(norm, *EPS_NAMES, default=1e-5)) if norm is not None else 1e-5
    is_centred = norm is not None and float(
        (norm(torch.ones(1, 1, d_model)) - norm(torch.zeros(1, 1, d_model))).abs().max()
    ) < 1e-3  # fmt: skip
    act_fn = setting(text, "hidden_act", "activation_function", "hidden_activation")
    return ModelConfig(
        name=title,
        architecture=type(own).__name__,
        n_layers=len(parts),
        n_heads=first.n_heads,
        n_key_value_heads=first.n_key_value_heads,
        d_model=d_model,
        d_head=first.d_head,
        d_mlp=int(setting(text, *WIDTH_NAMES, default=4 * d_model)),
        d_vocab=own.get_output_embeddings().weight.shape[0],
        n_ctx=int(setting(text, *CONTEXT_NAMES, default=2048)),
        normalization="LN" if is_centred else "RMS",
        eps=eps,
        act_fn=str(act_fn),
        gated_mlp=False,
        parallel_attn_mlp=False,
    ), norm


def learned_positions(
    stream: Stream, config: ModelConfig
) -> Float[Tensor, "position d_model"] | None:
    """What each of the first positions adds to the stream, over the first of them."""
    numbers = torch.arange(min(N_POSITIONS, config.n_ctx))[:, None]
    resid = stream.embed(torch.full_like(numbers, 2), numbers)[:, 0]
    added = resid - resid[:1]
    return added if bool(added.any()) else None


def layer_of(
    stream: Stream, config: ModelConfig, index: int, rule: AttentionRule
) -> ModuleLayer:
    """One layer, with the weights that its modules act by."""
    parts = stream.parts[index]
    weight = parts.projection.weight
    if weight.shape[0] != config.d_model or isinstance(weight, nn.Embedding):
        weight = weight.T
    probe = torch.eye(weight.shape[1])
    zero = parts.projection(torch.zeros_like(probe[:1]))[0]
    W_O = parts.projection(probe) - zero
    n_kv, d_value = config.n_key_value_heads, parts.d_value
    keys = torch.zeros(n_kv, config.d_model, config.d_head)
    layer = ModuleLayer(
        stream, index, config, parts, rule,
        W_O=W_O.unflatten(0, (config.n_heads, -1)).contiguous(),
        b_O=zero if bool(zero.any()) else None,
        W_Q=keys.repeat_interleave(config.group_size, dim=0), W_K=keys,
        W_V=torch.zeros(n_kv, config.d_model, d_value), b_V=None,
    )  # fmt: skip
    return with_reading_weights(layer)


def with_reading_weights(layer: ModuleLayer) -> ModuleLayer:
    """The layer with W_Q, W_K, W_V and b_V, read off what it makes of unit vectors."""
    d_model = layer.config.d_model
    x = torch.cat((torch.eye(d_model), torch.zeros(1, d_model)))[:, None]
    with linear_norms(layer.parts.norms):
        q, k, v = layer.project(x, Places.of(0, 1, x.device))
    W_Q, W_K, W_V = (
        (each[:-1, 0] - each[-1:, 0]).transpose(0, 1).contiguous() for each in (q, k, v)
    )
    b_V = v[-1, 0]
    layer = replace(layer, gain=gain_of(layer))
    return replace(
        layer, W_Q=W_Q, W_K=W_K, W_V=W_V, b_V=b_V if bool(b_V.any()) else None
    )


@contextmanager
def linear_norms(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Norms multiply by their weights alone, for a while."""
    forwards = [norm.forward for norm in norms]

    def linear(forward: Any) -> Any:
        def scaled(x: Tensor) -> Tensor:
            return x * norm_weights(forward, x)

        return scaled

    for norm, forward in zip(norms, forwards, strict=True):
        norm.forward = linear(forward)
    try:
        yield
    finally:
        for norm, forward in zip(norms, forwards, strict=True):
            norm.forward = forward


def measured_rules(
    stream: Stream, config: ModelConfig, layers: Sequence[ModuleLayer]
) -> list[AttentionRule]:
    """The attention rule of each layer, on one prompt as long as is checked."""
    count = min(config.n_ctx, CHECKED_LENGTH)
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(config.d_vocab, (1, count), generator=generator)
    places = Places.of(0, count, tokens.device)
    resid = stream.embed(tokens, places.numbers[None])

    def attention(q: Tensor, k: Tensor, v: Tensor, settings: Any) -> Tensor:
        raise Taken((q, k, settings))

    rules = []
    for layer in layers:
        with tapped(attention=attention):
            q, k, settings = take(lambda layer=layer: layer.run(resid, places))
        rules.append(rule_of(q, k, settings))
    stream.remembered.clear()  # of a long prompt
    return rules
