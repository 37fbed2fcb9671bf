"""What is where in a model of transformers: found by running it, not by its name.

One forward pass is watched. It shows which modules are the layers, in which module of
each attention happens, which one projects the heads' outputs back to the residual
stream, and what comes in and goes out.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from head_patching.models.taps import ATTENTION, register, tapped
from head_patching.models.watching import Attended, Watch, first_tensor

N_TOKENS = 5  # of the prompt that is watched
EPS_NAMES = ("variance_epsilon", "eps", "epsilon", "norm_eps")


@dataclass(frozen=True)
class Parts:
    """The modules of one layer that the engine has to know.

    Parameters
    ----------
    layer
        The layer.
    mixer
        The module in which attention happens, its output projection included.
    projection
        Projects the outputs of all heads, side by side, to the residual stream.
    asks
        Whether the mixer asks transformers for an attention function; otherwise it has
        the products in its own code.
    n_heads, n_key_value_heads, d_head, d_value
        Of q, of k and v; dimensions of q and k, and of v.
    returns_projection
        Whether the mixer returns what the projection gave, as it is.
    n_returned, n_returned_by_layer
        How many values the mixer and the layer return (0: a tensor alone).
    norms
        Modules that normalise within the mixer, before attention.
    mlps
        Modules of the layer, beside attention and norms, that write.
    norm_behind
        Normalises what the mixer returns, before it is added to the stream.
    """

    layer: nn.Module
    mixer: nn.Module
    projection: nn.Module
    asks: bool
    n_heads: int
    n_key_value_heads: int
    d_head: int
    d_value: int
    returns_projection: bool
    n_returned: int
    n_returned_by_layer: int
    norms: list[nn.Module]
    mlps: list[nn.Module]
    norm_behind: nn.Module | None


def text_config(own: Any) -> Any:
    """The part of the configuration that is about text."""
    return own.config.get_text_config(decoder=True)


def setting(config: Any, *names: str, default: Any = None) -> Any:
    """The first of these settings that a configuration has."""
    for name in names:
        value = getattr(config, name, None)
        if value is not None:
            return value
    return default


@torch.no_grad()
def trace(own: Any) -> list[Parts]:
    """The parts of each layer.

    Raises
    ------
    ValueError
        When a layer has no attention, or what it does cannot be followed.
    """
    register()
    own.config._attn_implementation = ATTENTION
    watch = Watch(own, n_heads_of(own))
    tokens = torch.arange(2, 2 + N_TOKENS)[None] % text_config(own).vocab_size
    with watch.watching(), tapped(attention=watch.attend), watch.products:
        own(input_ids=tokens, use_cache=False)
    layers = find_layers(own, watch)
    happened: dict[nn.Module, list[Attended]] = {layer: [] for layer in layers}
    for each in watch.attended:
        for module in each.stack:
            if module in happened:
                happened[module].append(each)
    require_attention(layers, happened)
    return [parts_of(layer, happened[layer][0], watch) for layer in layers]


def n_heads_of(own: Any) -> int:
    """Query heads of each layer, by the configuration."""
    names = "num_attention_heads", "n_head", "n_heads", "attention_heads"
    return int(setting(text_config(own), *names, default=1))


def find_layers(own: Any, watch: Watch) -> list[nn.Module]:
    """The layers: the list whose modules each ran once, one on what the other wrote."""
    lists = [each for each in own.modules() if isinstance(each, nn.ModuleList)]
    best: list[nn.Module] = []
    for candidate in map(list, lists):
        ran = [module for module in candidate if module in watch.outputs]
        hidden = [watch.inputs[module] for module in ran]
        is_stream = all(isinstance(each, Tensor) and each.ndim == 3 for each in hidden)
        if ran and is_stream and len(ran) == len(candidate) and len(ran) > len(best):
            best = ran
    if not best:
        raise ValueError("no list of layers that read one residual stream was found")
    return best


def require_attention(
    layers: list[nn.Module], happened: dict[nn.Module, list[Attended]]
) -> None:
    """Refuse layers without attention, or with more than one, by their numbers."""
    without = [i for i, layer in enumerate(layers) if not happened[layer]]
    if without:
        numbers = ", ".join(map(str, without[:6])) + (", ..." if without[6:] else "")
        kinds = sorted({kind_of(layers[i]) for i in without})
        raise ValueError(
            f"layers {numbers} ({', '.join(kinds)}) have no attention that patching "
            "could replace"
        )
    several = [i for i, layer in enumerate(layers) if len(happened[layer]) > 1]
    if several:
        raise ValueError(f"layer {several[0]} has more than one attention")


def kind_of(layer: nn.Module) -> str:
    """The class of the module that mixes positions in a layer, as far as is known."""
    for child in layer.children():
        name = type(child).__name__
        if not any(word in name for word in ("Norm", "MLP", "Dropout", "Moe")):
            return name
    return type(layer).__name__


def parts_of(layer: nn.Module, happened: Attended, watch: Watch) -> Parts:
    """The parts of one layer, from what was seen of it."""
    stack = happened.stack[happened.stack.index(layer) :]
    projection = happened.projection
    if projection is None or not happened.projection_reads_z:
        raise ValueError(
            f"{type(stack[-1]).__name__}: what the heads write cannot be told apart, "
            "since something acts on all of them before they are projected"
        )
    mixer = next(each for each in reversed(stack) if contains(each, projection))
    q, k, v = happened.shapes
    returned, projected = watch.outputs[mixer], first_tensor(watch.outputs[projection])
    mixed = first_tensor(returned)
    is_tensor = mixer is not layer and isinstance(mixed, Tensor)
    same = is_tensor and mixed.shape == projected.shape
    inside, of_mixer = set(happened.before), set(mixer.modules())
    norms = [each for each in of_mixer & inside if "Norm" in type(each).__name__]
    mlps = [
        child for child in layer.children()
        if child in watch.outputs and not contains(child, projection)
        and "Norm" not in type(child).__name__ and any(True for _ in child.parameters())
    ]  # fmt: skip
    behind = [
        each for each in layer.modules()
        if "Norm" in type(each).__name__ and watch.inputs.get(each) is mixed
    ]  # fmt: skip
    return Parts(
        norm_behind=behind[0] if behind else None, layer=layer, mixer=mixer,
        projection=projection, asks=happened.asks,
        n_heads=q[2], n_key_value_heads=k[2], d_head=q[3],
        d_value=v[3], norms=norms, mlps=mlps,
        returns_projection=same and torch.equal(mixed, projected),
        n_returned=count(returned), n_returned_by_layer=count(watch.outputs[layer]),
    )  # fmt: skip


def count(returned: Any) -> int:
    """How many values were returned, 0 if it was a tensor alone."""
    return len(returned) if isinstance(returned, tuple) else 0


def contains(module: nn.Module, part: nn.Module) -> bool:
    """Whether a module is another, or has it inside."""
    return any(each is part for each in module.modules())
