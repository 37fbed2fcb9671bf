"""Where a result comes from: checksums, versions, settings and the command itself.

Each result has a run record in its folder (`effects.csv`, `effects.run.json`), with
nothing in it that differs between two equal runs: no time, no host, no absolute path.
"""

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from head_patching.files.checksums import sha256_file
from head_patching.files.recorded import recorded_files
from head_patching.files.records import read_record
from head_patching.files.writing import write_json

# Parameters that name what is written begin so; every other path is read.
OUTPUTS = ("out", "summary", "json")

# The packages whose version can change a number, a figure or the typesetting.
PACKAGES = (
    "head-patching",
    "gguf",
    "h5netcdf",
    "matplotlib",
    "numpy",
    "pandas",
    "safetensors",
    "scipy",
    "snakemake",
    "tokenizers",
    "torch",
    "transformer-lens",
    "transformers",
    "xarray",
)


def package_versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Installed version of each package, Python first; absent packages are left out."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def relative(path: Path | str) -> str:
    """The path from the working directory, or its name alone when it lies outside."""
    path = Path(path)
    if not path.is_absolute():
        return path.as_posix()
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.name


def description(path: Path | str) -> list[Path]:
    """The small files recorded for an input, which hold the checksums of large ones.

    That is a prepared model's `model.json`, the manifest beside cached activations, and
    what lies in a folder of criteria or of result tables.
    """
    path = Path(path)
    if path.is_dir():
        model = path / "model.json"
        tables = sorted([*path.glob("*.yaml"), *path.glob("*.csv")])
        return [model] if model.is_file() else tables
    manifest = path.with_suffix(".json")
    return [manifest if path.suffix == ".safetensors" and manifest.is_file() else path]


def run_record(
    command: str,
    inputs: Iterable[Path | str],
    settings: Mapping[str, Any],
    code: Mapping[str, str],
) -> dict[str, Any]:
    """What made a result, ready to be written as JSON.

    Parameters
    ----------
    command
        The command line that can be run again.
    inputs
        Files that were read, or folders of prepared models.
    settings
        The part of the config that the command was given.
    code
        Hash of every module that the command is made of (`building.code`).
    """
    return {
        "command": command,
        "inputs": {
            relative(path): sha256_file(path)
            for each in inputs
            for path in description(each)
        },
        "settings": dict(settings),
        "packages": package_versions(),
        "code": dict(code),
    }


def record_path(result: Path | str) -> Path:
    """The path of a result's record: `x/effects.csv` -> `x/effects.run.json`."""
    return Path(result).with_suffix(".run.json")


def write_record(
    record: dict[str, Any], result: Path | str, others: Iterable[Path] = ()
) -> None:
    """Write a run record into the folder of its result, with the result's checksum.

    Under `beside` it has those of the other files that the run wrote into that folder.
    Of a prepared model it has that of `model.json`, of cached activations that of their
    manifest: the checksums of what is large are in there.
    """
    is_model = (Path(result) / "model.json").is_file()
    if is_model or Path(result).suffix == ".safetensors":
        [result] = description(result)
    if Path(result).is_file():
        # Others may share the record's name: evidence.nc has it, evidence.csv has none.
        record = record | {"file": Path(result).name, "sha256": sha256_file(result)}
    folder = Path(result).parent
    beside = {
        path.name: sha256_file(path)
        for path in sorted(others)
        if path.is_file() and path.parent == folder and path != Path(result)
    }
    if beside:
        record = record | {"beside": beside}
    write_json(record_path(result), record)


def records_behind(records: Iterable[Path | str]) -> list[Path]:
    """These run records, and those of all runs that made what their runs read."""
    beside: dict[Path, dict[str, Path]] = {}
    found: dict[Path, None] = {}
    waiting = [Path(path) for path in records]
    while waiting:
        record = waiting.pop()
        if record in found:
            continue
        found[record] = None
        for path in map(Path, read_record(record, ["inputs"])["inputs"]):
            folder = path.parent
            if folder not in beside:
                beside[folder] = records_in(folder)
            if path.name in beside[folder]:
                waiting.append(beside[folder][path.name])
    return sorted(found)


def records_in(folder: Path) -> dict[str, Path]:
    """The run record of each file in a folder, by the file's name."""
    return {
        name: path
        for path in sorted(folder.glob("*.run.json"))
        for name in recorded_files(read_record(path))
    }


def collect(
    records: Iterable[Path | str],
    models: Iterable[Path | str],
    settings: Mapping[str, Any],
    rules: Mapping[str, str],
) -> dict[str, Any]:
    """The provenance of a whole run, for the chapter's table and for `trace`.

    Parameters
    ----------
    records
        Of the runs that made the chapter's tables; the runs before them are found.
    rules
        Which rule of the workflow makes a file, by the pattern of its path.

    Returns
    -------
    dict
        `models`: name -> source, license, checksums and check of each prepared model;
        `settings`: the config, one dotted key per value (`tasks.ioi.seed`);
        `packages`: name -> version; `code`: hash of every module; `rules`: as given;
        `runs`: result -> its record, less packages and code.

    Raises
    ------
    ValueError
        When two results were made with different versions of a package or a module.
    """
    runs: dict[str, Any] = {}
    code: dict[str, str] = {}
    packages = package_versions()
    for path in records_behind(records):
        record = read_record(path, ["command", "inputs", "packages"])
        made_with = record.pop("packages")
        for name, made in made_with.items():
            if packages.get(name) != made:
                raise ValueError(
                    f"{path} was made with {name} {made}, but {packages.get(name)} is "
                    "installed: build the results again (snakemake --forceall)"
                )
        for name, made in record.pop("code", {}).items():
            if code.setdefault(name, made) != made:
                raise ValueError(
                    f"{path} was made by another version of {name} than the results "
                    "before it: run snakemake again"
                )
        runs[relative(path)] = record
    described = {}
    for path in map(Path, models):
        provenance = read_record(path, ["provenance"])["provenance"]
        described[provenance["name"]] = provenance
    return {
        "models": described,
        "settings": flat(settings),
        "packages": packages,
        "code": dict(sorted(code.items())),
        "rules": dict(rules),
        "runs": runs,
    }


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with one dotted key per value.

    Examples
    --------
    >>> flat({"tasks": {"ioi": {"seed": 1}}, "threads": 2})
    {'tasks.ioi.seed': 1, 'threads': 2}
    """
    result: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
