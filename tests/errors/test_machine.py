"""No disk, no memory, no TeX, no access: each gives its message in docs/errors.md."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from head_patching import memory
from head_patching.files.writing import write_dataset
from tests.errors.command_lines import (
    DOCUMENT,
    cached,
    check,
    made_pairs,
    patched,
    summarised,
    typeset,
)
from tests.errors.small_disk import mounted
from tests.errors.table import ROWS, is_message

TEX = {"a LaTeX error": "see \\reff{x}", "an undefined reference": "see \\ref{x}"}


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="latexmk is not installed")
@pytest.mark.parametrize("name", TEX)
def test_what_cannot_be_typeset(name: str, place: Path) -> None:
    check(name, typeset(DOCUMENT.format(TEX[name])))


def test_without_tex(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    check("TeX is not installed", typeset(DOCUMENT.format("x")))


def test_a_read_only_results_folder(place: Path) -> None:
    with mounted(place / "out", "ro"):
        check("a results folder that cannot be written", patched())


def test_too_little_memory(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    check("too little memory for the pairs of a cache file", cached())


def test_memory_that_the_system_refuses(place: Path) -> None:
    """In a process of its own that may have little, by the kernel's own limit."""
    code = (
        "import resource, torch, sys; from head_patching import cli;"
        "resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2);"
        "from head_patching.patching.experiment import HeadPatcher;"
        "HeadPatcher.run = lambda *_, **__: torch.empty(2**40);"
        f"cli.app({patched()!r})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert is_message(run.stderr.strip(), ROWS["memory that the system refuses"])
    assert not Path("out").exists()


@pytest.mark.parametrize("kind", ["safetensors", "netCDF", "prompts", "table"])
def test_a_full_disk(kind: str, place: Path) -> None:
    many = xr.load_dataset("patched.nc", engine="h5netcdf")
    heads = np.arange(1600).repeat(2).reshape(40, 40, 2) / 1000
    many = many[["clean_logit_diff", "corrupt_logit_diff"]].isel(pair=[0, 1])
    write_dataset("many.nc", many.assign(logit_diff=(("layer", "head", "pair"), heads)))
    commands = {
        "safetensors": cached(),
        "netCDF": patched("--position", "each"),
        "prompts": made_pairs("planted", "400"),
        "table": summarised("many.nc"),
    }
    with mounted(place / "out", "size=256k"):
        room = {"netCDF": 252, "table": 240}.get(kind, 200)
        (place / "out/other").write_bytes(bytes(room * 2**10))
        check("a full disk", commands[kind])
        assert [path.name for path in (place / "out").iterdir()] == ["other"]


def test_a_full_disk_ends_no_process_without_a_word(place: Path) -> None:
    """HDF5, left to write a file itself, ends the interpreter when it exits."""
    with mounted(place / "out", "size=256k"):
        (place / "out/other").write_bytes(bytes(252 * 2**10))
        words = [*patched("--position", "each")]
        code = f"from head_patching import cli; cli.app({words!r})"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True
        )
        assert run.returncode == 1
        last = run.stderr.splitlines()[-1]
        assert is_message(last, ROWS["a full disk"])
