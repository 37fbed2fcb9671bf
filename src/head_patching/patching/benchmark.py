"""The engine timed against TransformerLens, alternately, in one process.

Other work on the machine slows both contenders alike only if they run side by side:
TransformerLens's sweep is cut into slices, and the engine runs whole between them.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil
import torch

from head_patching.models.products import linear
from head_patching.models.shape import ModelConfig
from head_patching.patching.contenders import (
    Cell,
    EngineContender,
    ScreeningContender,
    TransformerLensContender,
    activation_of,
    all_cells,
)
from head_patching.tasks.pairs import PromptPairs, first_difference
from head_patching.terms import SHARED_IN_GROUP

MIB = 2**20


@dataclass(frozen=True)
class Measurement:
    """One contender's figures; see `compare` for how they are taken."""

    seconds: float
    ratio: float  # of TransformerLens's seconds to these
    # The same if TransformerLens left out positions that clean and corrupt share.
    ratio_live: float
    max_abs_diff: float  # of mean logit_diff, from TransformerLens's
    gflops: float
    gemm_peak_gflops: float
    peak_rss_mib: float


def compare(
    engine: EngineContender | ScreeningContender,
    bridge: Any,
    patch_type: str = "output",
    each: bool = False,
    rounds: int = 3,
    cells_timed: int | None = None,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Seconds, ratio, difference, speed and memory of both contenders.

    In each round TransformerLens patches a part of the cells, then the engine makes
    its whole sweep. TransformerLens's seconds are the sum over rounds (scaled up when
    only `cells_timed` randomly drawn cells are timed), the engine's their median.

    `gflops` counts the multiplications and additions of matrix products that the
    engine's method needs, for both contenders alike; `gemm_peak_gflops` is the best
    speed of large fp32 products, kept up for a second, seen between the rounds.

    Parameters
    ----------
    engine
        The engine on some pairs; its model is also TransformerLens's.
    bridge
        The model in TransformerLens.
    patch_type
        What of a head is replaced.
    each
        Whether every position is patched for itself, or all at once.
    rounds
        How often the contenders take turns.
    cells_timed
        How many of TransformerLens's patches are timed (None: all).
    seed
        Of the draw of these.

    Returns
    -------
    dict
        The fields of `Measurement`, by contender.
    """
    config, pairs = engine.model.config, engine.pairs
    cells = all_cells(bridge, pairs, patch_type, each)
    timed = some_of(cells, cells_timed, seed)
    reference = TransformerLensContender(bridge, pairs, patch_type, each)
    reference(timed[:1])  # warm up: allocations and thread pools
    obtained = engine()

    slow, fast, peaks, expected = [], [], [gemm_peak()], []
    memory = {"transformer_lens": 0.0, "engine": 0.0}
    for number in range(rounds):
        part = timed[number::rounds]
        with clocked(slow), peak_memory(memory, "transformer_lens"):
            expected += list(zip(part, reference(part), strict=True))
        with clocked(fast), peak_memory(memory, "engine"):
            obtained = engine()
        peaks.append(gemm_peak())
    work = sum(needed_flops(config, pairs, each))
    live = sum(not each or cell[1] >= first_difference(pairs[0]) for cell in cells)
    seconds = {
        "transformer_lens": sum(slow) * len(cells) / len(timed),
        "engine": float(np.median(fast)),
    }
    difference = largest_difference(config, expected, obtained, patch_type)
    return {
        name: asdict(
            Measurement(
                seconds=value,
                ratio=seconds["transformer_lens"] / value,
                ratio_live=seconds["transformer_lens"] / value * live / len(cells),
                max_abs_diff=difference if name == "engine" else 0.0,
                gflops=work / value / 1e9,
                gemm_peak_gflops=max(peaks),
                peak_rss_mib=memory[name],
            )
        )
        for name, value in seconds.items()
    }


def some_of(cells: Sequence[Cell], count: int | None, seed: int) -> list[Cell]:
    """So many cells drawn at random, in their order; all when None or too few."""
    if not count or count >= len(cells):
        return list(cells)
    drawn = np.random.default_rng(seed).choice(len(cells), count, False)
    return [cells[index] for index in sorted(drawn)]


def largest_difference(
    config: ModelConfig,
    expected: Sequence[tuple[Cell, float]],
    obtained: np.ndarray,
    patch_type: str,
) -> float:
    """Largest difference over the cells both contenders computed.

    TransformerLens patches keys and values of a whole group of heads: with
    grouped-query attention those cells have no counterpart, and the answer is NaN.
    """
    if activation_of(patch_type) in SHARED_IN_GROUP and config.group_size > 1:
        return float("nan")
    differences = [float(value) - float(obtained[cell]) for cell, value in expected]
    return float(np.nanmax(np.abs(differences)))  # NaN: an estimate, not compared


def needed_flops(config: ModelConfig, pairs: PromptPairs, each: bool) -> list[float]:
    """Floating-point operations in the matrix products of one sweep, per position set.

    Patches of a layer's heads go through that layer's MLP and everything above, at the
    positions from the first patched one on; through the last layer at END alone, except
    for its keys and values.
    """
    first = first_difference(pairs[0])
    length = len(pairs[0].clean_tokens)
    starts = range(first, length) if each else [first]
    return [sweep_flops(config, len(pairs), length - start) for start in starts]


def sweep_flops(config: ModelConfig, n_pairs: int, n_suffix: int) -> float:
    """Floating-point operations in the matrix products of one sweep of all heads."""
    d_qkv = (config.n_heads + 2 * config.n_key_value_heads) * config.d_head
    d_z = config.n_heads * config.d_head
    n_in = 2 if config.gated_mlp else 1
    qkv = 2 * config.d_model * d_qkv
    write = 2 * d_z * config.d_model
    mlp = 2 * (n_in + 1) * config.d_model * config.d_mlp
    total = 0.0
    for layer in range(config.n_layers):
        started = layer * config.n_heads * n_pairs
        starting = 0 if config.parallel_attn_mlp else config.n_heads * n_pairs
        queries = n_suffix if layer < config.n_layers - 1 else 1
        total += started * (n_suffix * qkv + queries * (write + mlp))
        total += starting * queries * mlp
    return total


def gemm_peak(size: int = 2048, seconds: float = 1.0, device: str = "cpu") -> float:
    """GFLOP/s of large fp32 matrix products on a device, sustained for a while."""
    left, right = torch.ones(2, size, size, device=device)
    product = linear(left, right, None)
    start, n_products = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        product = linear(left, right, None)
        float(product[0, 0])  # a GPU computes asynchronously: wait for it
        n_products += 1
    return 2 * size**3 * n_products / elapsed / 1e9


@contextmanager
def clocked(seconds: list[float]) -> Iterator[None]:
    """Append the seconds that the block took."""
    start = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - start)


@contextmanager
def peak_memory(memory: dict[str, float], name: str) -> Iterator[None]:
    """Note the largest resident memory of this process during the block, in MiB."""
    process, done = psutil.Process(), threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            resident = process.memory_info().rss / MIB
            memory[name] = max(memory[name], resident)

    memory[name] = max(memory[name], process.memory_info().rss / MIB)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
