"""Reading safetensors files that others may have damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from head_patching.files.reading import AGAIN, LIBRARY_ERRORS, reading


@contextmanager
def reading_tensors(path: Path | str, again: str = AGAIN) -> Iterator[None]:
    """As `reading`, for what is raised for a damaged safetensors file."""
    errors = (*LIBRARY_ERRORS, SafetensorError)
    with reading(path, "a safetensors file", again, errors):
        yield
