"""Results are written whole or not at all."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from head_patching.files.datasets import read_dataset
from head_patching.files.writing import atomic, write_csv, write_dataset
from head_patching.patching.effects import effect_contributions, normalised_effect


def dataset(direction: str) -> xr.Dataset:
    """One layer, two heads, two pairs, with effects that can be worked out by hand."""
    return xr.Dataset(
        {
            "logit_diff": (("layer", "head", "pair"), [[[1.0, -1.0], [-4.0, -2.0]]]),
            "clean_logit_diff": ("pair", [6.0, 2.0]),
            "corrupt_logit_diff": ("pair", [-4.0, -2.0]),
        },
        {"template": ("pair", ["a", "b"])},
        {"direction": direction, "model": "m", "task": "t", "corruption": "c"},
    )


def test_effects_are_ratios_of_means():
    # clean 4, corrupt -3 on average; patched 0 and -3: (0 + 3) / 7 and 0.
    assert normalised_effect(dataset("denoising")).values.tolist() == [[3 / 7, 0.0]]
    # noising: (4 - 0) / 7 and (4 + 3) / 7.
    assert normalised_effect(dataset("noising")).values.tolist() == [[4 / 7, 1.0]]


def test_behaviour_too_alike_to_divide_by_is_refused():
    alike = dataset("denoising")
    alike["corrupt_logit_diff"] = alike.clean_logit_diff - 0.01
    with pytest.raises(ValueError, match=r"m on t .*mean clean logit_diff 4.000"):
        effect_contributions(alike)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.csv"
    write_csv(path, pd.DataFrame({"a": [1.0]}))

    def write_half():
        with atomic(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "a\n1.000000\n"
    assert list(tmp_path.iterdir()) == [path]


def test_datasets_come_back_with_axes_and_units(tmp_path):
    written = dataset("noising")
    written.logit_diff.attrs["units"] = "logit"
    write_dataset(tmp_path / "x.nc", written)
    read = read_dataset(tmp_path / "x.nc")
    assert read.logit_diff.attrs["units"] == "logit"
    np.testing.assert_array_equal(read.logit_diff, written.logit_diff)
    assert read.template.values.tolist() == ["a", "b"]


def test_unreadable_datasets_are_one_line(tmp_path):
    path = tmp_path / "x.nc"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_dataset(path)
    path.write_bytes(b"no netCDF")
    with pytest.raises(ValueError, match="is not a netCDF file, or damaged"):
        read_dataset(path)
    write_dataset(path, dataset("noising"))
    dataset("noising").assign_attrs(schema_version=99).to_netcdf(
        path, engine="h5netcdf"
    )
    with pytest.raises(ValueError, match="schema version 99"):
        read_dataset(path)
