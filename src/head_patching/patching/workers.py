"""Workers: threads that each take parts of a run, with single-threaded arithmetic.

Threads inside every matrix product wait for each other at its end, thousands of times
in a run, and the slowest sets the pace. Here one thread takes an item of the work (some
pairs, or some of the heads) through the whole model, and no product is shared between
threads; so the result does not depend on how many threads there are.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

Item = TypeVar("Item")
RunAll = Callable[[Callable[[Item], None], Iterable[Item]], None]


@contextmanager
def workers() -> Iterator[RunAll]:
    """A function that does some work on every item, in as many threads as PyTorch has.

    If the work fails for an item, that function raises the error. PyTorch releases the
    interpreter while it computes; the calling thread keeps its own number of threads.
    """
    n_threads = torch.get_num_threads()

    def run_all(work: Callable[[Item], None], items: Iterable[Item]) -> None:
        # Gradient modes belong to a thread: the pool's threads would record graphs.
        for _ in pool.map(torch.no_grad()(work), items):
            pass

    try:
        with ThreadPoolExecutor(
            n_threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield run_all
    finally:  # the pool's threads have set PyTorch's default for new threads
        torch.set_num_threads(n_threads)


def one_at_a_time(report: Callable[[float], None]) -> Callable[[float], None]:
    """The same function, called by one thread at a time."""
    lock = Lock()

    def guarded(value: float) -> None:
        with lock:
            report(value)

    return guarded
