"""Threads that each work through blocks with single-threaded arithmetic."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class BlockThreads:
    """A pool of threads; PyTorch releases the interpreter while it computes."""

    pool: ThreadPoolExecutor

    def run(self, work: Callable[[slice], None], blocks: Iterable[slice]) -> None:
        """Do the work on every block; an error of any block is raised here."""

        # Gradient modes belong to a thread: the pool's threads would record graphs.
        @torch.inference_mode()
        def quietly(block: slice) -> None:
            work(block)

        for _ in self.pool.map(quietly, blocks):
            pass


@contextmanager
def block_threads() -> Iterator[BlockThreads]:
    """As many threads as PyTorch may use, which then computes with one in each.

    PyTorch's own number of threads is restored at the end.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(
            n_threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield BlockThreads(pool)
    finally:
        torch.set_num_threads(n_threads)
