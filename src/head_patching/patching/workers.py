"""Workers: threads that each take chunks of a run, with arithmetic of their own.

Threads inside every matrix product wait for each other at its end, thousands of times
in a run, and the slowest sets the pace. Here one thread takes a chunk (some pairs, or
half of the heads) through the whole model with single-threaded arithmetic; the result
does not depend on how many threads there are.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

Chunk = TypeVar("Chunk")
RunAll = Callable[[Callable[[Chunk], None], Iterable[Chunk]], None]


@contextmanager
def workers() -> Iterator[RunAll]:
    """A function that does some work on every chunk, in as many threads as PyTorch has.

    An error in any chunk is raised by it. PyTorch releases the interpreter while it
    computes; the calling thread keeps its own number of threads.
    """
    n_threads = torch.get_num_threads()

    def run_all(work: Callable[[Chunk], None], chunks: Iterable[Chunk]) -> None:
        # Gradient modes belong to a thread: the pool's threads would record graphs.
        for _ in pool.map(torch.no_grad()(work), chunks):
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
