"""A block at the end of a terminal, below whatever else is printed there.

Some jobs print to the terminal, and so does Snakemake where it starts itself again.
Lines that bypass the block would break it, so while it is shown, the process and its
jobs write into a pipe, from which each line is printed above the block.
"""

import os
import sys
import threading
from collections.abc import Callable

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live
from rich.text import Text

# How often the block is drawn, in a second: drawing takes a millisecond or two.
DRAWN = 1


class Terminal:
    """Shows a block, drawn again and again, until `stop`.

    Parameters
    ----------
    draw
        Gives what the block holds now.
    color
        Whether colours may be used.
    """

    def __init__(self, draw: Callable[[], RenderableType], color: bool) -> None:
        self.draw = draw
        sys.stdout.flush()
        sys.stderr.flush()
        # Only what goes to the terminal: standard output may be a file.
        self.saved = {fd: os.dup(fd) for fd in (1, 2) if os.isatty(fd)}
        self.screen = os.fdopen(os.dup(self.saved[2]), "w", encoding="utf-8")
        self.console = Console(
            file=self.screen,
            force_terminal=True,
            no_color=not color,
            highlight=False,
        )
        reading, writing = os.pipe()
        self.printed = os.fdopen(reading, "rb", buffering=0)
        for fd in self.saved:
            os.dup2(writing, fd)
        os.close(writing)
        self.live = Live(
            get_renderable=self._drawn,
            console=self.console,
            transient=True,
            refresh_per_second=DRAWN,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.live.start(refresh=True)
        self.reader = threading.Thread(target=self._print_lines, daemon=True)
        self.reader.start()

    def redraw(self) -> None:
        """Draw the block now."""
        self.live.refresh()

    def stop(self) -> None:
        """Remove the block, give the terminal back, print what is still in the pipe."""
        # First of all: whatever is printed from now on finds no block to break.
        self.live.stop()
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, terminal in self.saved.items():
            os.dup2(terminal, fd)
            os.close(terminal)
        # The pipe ends with its last writer: a job that goes on is not waited for.
        self.reader.join(timeout=1)
        self.screen.flush()

    def _drawn(self) -> RenderableType:
        """The block, as wide as the terminal is now."""
        size = os.get_terminal_size(self.screen.fileno())
        self.console.size = ConsoleDimensions(size.columns or 80, size.lines or 25)
        return self.draw()

    def _print_lines(self) -> None:
        """Print the lines of the pipe above the block, together if they came so."""
        rest = b""
        while chunk := self.printed.read(65536):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                self._print(lines)
        if rest:
            self._print(rest)

    def _print(self, lines: bytes) -> None:
        """Print lines, with their colours."""
        text = Text.from_ansi(lines.decode("utf-8", errors="replace"))
        self.console.print(text, soft_wrap=True)
