"""NetCDF results, read and checked: patched runs, and evidence on every head."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from head_patching.files.reading import AGAIN, reading
from head_patching.files.recorded import require_recorded
from head_patching.files.schema import require_version

if TYPE_CHECKING:
    import xarray as xr

# Variables of every file of patched runs, of estimates, and of evidence.
PATCHED = ("logit_diff", "clean_logit_diff", "corrupt_logit_diff")
ESTIMATED = ("estimated_change", "clean_logit_diff", "corrupt_logit_diff")
MEASURED = ("pair_values", "pair_scale", "pair_group", "pair_tested", "pair_given")
GROUPS = ("members", "joint", "scale", "heads")


def read_dataset(path: Path | str, variables: Sequence[str] = ()) -> "xr.Dataset":
    """Read a netCDF result that has at least these variables into memory.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it cannot be read, is not what was written, was written by another
        schema version, or lacks a variable.
    """
    import xarray as xr

    with reading(path, "a netCDF file"):
        # Before HDF5 sees it: what is damaged in the right place ends the process.
        require_signature(path)
    require_recorded(path)
    with reading(path, "a netCDF file"):
        dataset = xr.load_dataset(path, engine="h5netcdf")
        found = dataset.attrs.get("schema_version")
        version = found.item() if hasattr(found, "item") else found
    require_version(path, version)
    missing = [name for name in variables if name not in dataset]
    if missing:
        raise ValueError(f"{path}: variable {missing[0]!r} is missing: {AGAIN}")
    return dataset


def require_signature(path: Path | str) -> None:
    """Refuse a file that does not begin as HDF5 does."""
    with Path(path).open("rb") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise ValueError("it does not begin as HDF5 does")
