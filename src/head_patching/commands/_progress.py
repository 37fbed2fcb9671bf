"""How far a long command is: a bar in a terminal, a few plain lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[float], None]


@contextmanager
def progress(doing: str) -> Iterator[Advance]:
    """Give a function to call with the share of the work that was just done.

    Examples
    --------
    >>> with progress("Patching") as advance:
    ...     advance(0.25)
    ...     advance(0.75)
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task(doing, total=1.0)
            yield lambda share: bar.advance(task, share)
            bar.update(task, completed=1.0)
    else:
        yield _Lines(doing)


class _Lines:
    """Prints a line at each tenth of the work."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        self.done = 0.0

    def __call__(self, share: float) -> None:
        before, self.done = self.done, self.done + share
        # Shares are sums of floats: a tenth counts as reached a little early.
        tenths = int(10 * self.done + 1e-6)
        if tenths > int(10 * before + 1e-6):
            print(f"{self.doing}: {10 * tenths} %", file=sys.stderr, flush=True)
