"""One forward pass of a model of transformers, watched from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from head_patching.models.taps import WatchedProducts


@dataclass
class Attended:
    """One time that attention happened, and where."""

    stack: list[nn.Module]  # modules that were running, the outermost first
    z: Tensor
    shapes: tuple[torch.Size, ...]  # of q, k and v
    asks: bool
    before: set[nn.Module]  # modules that had run
    projection: nn.Module | None = None
    projection_reads_z: bool = False


@dataclass
class Watch:
    """What happens during one forward pass, in the order in which it happens."""

    own: nn.Module
    n_heads: int
    stack: list[nn.Module] = field(default_factory=list)
    order: list[nn.Module] = field(default_factory=list)
    inputs: dict[nn.Module, Any] = field(default_factory=dict)
    outputs: dict[nn.Module, Any] = field(default_factory=dict)
    attended: list[Attended] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.products = WatchedProducts(self.n_heads)
        self.generator = torch.Generator().manual_seed(0)

    def enter(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if self.attended:
            self._look_for_projection(module, first_of(args, kwargs))
        self.stack.append(module)
        self.order.append(module)
        self.inputs[module] = first_of(args, kwargs)

    def leave(self, module: nn.Module, output: Any) -> None:
        self.stack.pop()
        self.outputs[module] = output

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, settings: dict[str, Any]
    ) -> Tensor:
        """z of random numbers, by which it is known again where it arrives."""
        shape = (*q.shape[:-1], v.shape[-1])
        z = torch.randn(shape, generator=self.generator).to(q)
        shapes = (q.shape, k.shape, v.shape)
        asks, before = "module" in settings, set(self.order)
        self.attended.append(Attended([*self.stack], z, shapes, asks, before))
        return z

    def _look_for_projection(self, module: nn.Module, read: Any) -> None:
        last, weight = self.attended[-1], getattr(module, "weight", None)
        if last.projection is not None or not isinstance(read, Tensor):
            return
        if weight is None or weight.ndim != 2 or read.numel() != last.z.numel():
            return
        last.projection = module
        last.projection_reads_z = torch.equal(read.reshape(last.z.shape), last.z)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks on every module, for a while."""
        hooks = []
        for module in self.own.modules():
            enter = module.register_forward_pre_hook(self.enter, with_kwargs=True)
            leave = module.register_forward_hook(
                lambda module, args, output: self.leave(module, output)
            )
            hooks += [enter, leave]
        # Outside the layers, products of three axes are no attention.
        for module in layer_candidates(self.own):
            hooks.append(module.register_forward_pre_hook(self._forget_products))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _forget_products(self, module: nn.Module, args: Any) -> None:
        self.products.qk = self.products.scores = None


def first_of(args: Any, kwargs: Any) -> Any:
    """What a module reads: its first argument."""
    return args[0] if args else kwargs.get("hidden_states")


def first_tensor(output: Any) -> Any:
    """What a module writes: the first of the values that it returns."""
    return output[0] if isinstance(output, tuple) else output


def layer_candidates(own: nn.Module) -> Iterator[nn.Module]:
    """Modules that stand in a list, as layers do."""
    for module in own.modules():
        if isinstance(module, nn.ModuleList):
            yield from module
