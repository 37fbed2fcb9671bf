"""Shards: the pairs of a patching run cut into parts for several jobs, and gathered.

In its last digits a pair's result depends on the pairs that it is computed together
with. A shard therefore holds whole batches of the cache, which the engine patches one
by one: every number is then exactly that of the run that is not cut.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import xarray as xr

# The attribute of a shard's results that says which it is; the whole has none.
SHARD = "shard"


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of the pairs, `number` of them from 1 on: `3/8`."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(
                f"shard {self}: expected its number and their count, as in 3/8, with "
                "a number from 1 to the count"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The shard written as `3/8`."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if not found:
            raise ValueError(
                f"shard {text!r}: expected its number and their count, as in 3/8"
            )
        return cls(*map(int, found.groups()))

    def pairs(
        self, batches: Sequence[Sequence[int]], n_pairs: int, n_patched: int
    ) -> list[int]:
        """Its pairs, of those that are patched: the first `n_patched`.

        Raises ValueError unless the batches hold each of all `n_pairs` once.
        """
        held = sorted(chain.from_iterable(batches))
        if held != list(range(n_pairs)):
            raise ValueError(
                f"the cached activations hold {len(held)} pairs, but not each of the "
                f"{n_pairs} prompt pairs once: give all files of one cache"
            )
        patched = [[pair for pair in batch if pair < n_patched] for batch in batches]
        return cut(list(filter(None, patched)), self.count)[self.number - 1]


def cut(batches: Sequence[Sequence[int]], count: int) -> list[list[int]]:
    """The pairs of each of `count` shards: consecutive batches, never a part of one.

    Shards are as equal as the batches allow. With fewer batches than shards, the last
    shards are empty.

    Parameters
    ----------
    batches
        The pairs of each batch, in the order of the cache.

    Examples
    --------
    >>> cut([[0, 3], [1, 2, 5], [4]], 2)
    [[0, 3], [1, 2, 4, 5]]
    """
    shards: list[list[int]] = []
    waiting = [list(batch) for batch in batches]
    for number in range(count):
        later = count - number - 1  # shards that still need a batch each
        fair = sum(map(len, waiting)) / (later + 1)
        taken: list[int] = []
        # A batch is taken as long as that leads nearer to the fair number of pairs.
        while waiting and (
            not taken
            or (
                len(waiting) > later
                and abs(len(taken) + len(waiting[0]) - fair) <= abs(len(taken) - fair)
            )
        ):
            taken += waiting.pop(0)
        shards.append(sorted(taken))
    return shards


def gather(shards: Sequence[xr.Dataset]) -> xr.Dataset:
    """The results of all shards of one run as one, the pairs in their own order.

    Raises
    ------
    ValueError
        When one is missing, there twice, or of another run.
    """
    count = len(shards)
    names = [str(each.attrs.get(SHARD, "no shard")) for each in shards]
    if not names or {*names} != {str(Shard(n + 1, count)) for n in range(count)}:
        raise ValueError(
            f"shards to gather: {', '.join(names)}; expected each shard of one run once"
        )
    whole = [each.drop_attrs(deep=False).assign_attrs(of_run(each)) for each in shards]
    for name, each in zip(names, whole, strict=True):
        if each.attrs != whole[0].attrs or not same_axes(each, whole[0]):
            raise ValueError(f"shard {name} is of another run than shard {names[0]}")
    pairs = sorted(chain.from_iterable(each.pair.values.tolist() for each in shards))
    if pairs != list(range(len(pairs))):
        raise ValueError(
            f"the shards hold {len(pairs)} pairs, but not each of pairs 0 to "
            f"{max(pairs)} once: they were cut from different caches"
        )
    # What is not of pairs, as which heads were patched, has to be equal.
    together = xr.concat(
        whole, "pair", data_vars="minimal", compat="equals", combine_attrs="override"
    )
    return together.isel(pair=np.argsort(together.pair.values)).drop_encoding()


def of_run(shard: xr.Dataset) -> dict[str, object]:
    """What a shard's attributes say of the whole run."""
    return {name: value for name, value in shard.attrs.items() if name != SHARD}


def same_axes(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether two results are of the same variables, layers, heads and positions."""
    axes = [name for name in other.dims if name != "pair"]
    return list(one.data_vars) == list(other.data_vars) and all(
        one.get_index(name).equals(other.get_index(name)) for name in axes
    )
