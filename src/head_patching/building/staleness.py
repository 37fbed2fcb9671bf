"""Results that were made by other code than the present.

Each run record has the hashes of the code that made its result. For Snakemake, the code
of a command is one small input, a stamp: a file with the hashes by module, which is
written only when they change. Snakemake compares the stamp's checksum with the one that
it noted when it made a result. In a folder without such notes (an unpacked archive, a
copy without `.snakemake`) it compares times alone. Therefore a stamp gets an old time
if the run records have the same hashes, and the present time if one of them differs.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path

from head_patching.building.code import Code, data_hash
from head_patching.files.writing import atomic

STAMPS = Path(".snakemake/code")
OLD = 1.0  # seconds since 1970


class Stamps:
    """The stamps of a folder in which a build runs.

    Parameters
    ----------
    code
        The present code.
    results
        The folder whose run records are compared with it.
    """

    def __init__(self, code: Code, results: Path = Path("results")) -> None:
        self.code = code
        self.results = results
        self.written: dict[str, str] = {}

    def stamp(self, *modules: str) -> str:
        """Path of the stamp of modules and of everything that they import.

        Parameters
        ----------
        modules
            Dotted names: the module that is run, then those that it finds by name.
        """
        found = "-".join(module.rpartition(".")[2] for module in modules[1:])
        name = ".".join(
            filter(None, [modules[0].removeprefix("head_patching."), found])
        )
        if name not in self.written:
            hashes = self.code.hashes(modules)
            stale = partial(self.stale, modules[0], hashes)
            self.written[name] = write_stamp(name, hashes, stale)
            self.code.keep()
        return self.written[name]

    def stale(self, module: str, hashes: Mapping[str, str]) -> list[bool]:
        """Of each result of a module: whether other code than a stamp's made it."""
        needed = self.code.hashes([module]).keys()
        return [
            is_other(recorded, hashes, needed, self.code)
            for made_by, recorded in self.recorded
            if made_by == module
        ]

    def stamp_of_yaml(self, path: str) -> str:
        """Path of the stamp of a YAML file: of what it says, without its comments."""
        says = data_hash(Path(path))
        return write_stamp(
            path.replace("/", "."),
            {path: says},
            lambda: [
                recorded[path] != says
                for _, recorded in self.recorded
                if recorded and path in recorded
            ],
        )

    @cached_property
    def recorded(self) -> list[tuple[str, Mapping[str, str] | None]]:
        """Module and code of every run record; records of old versions have no code."""
        return [(module, code) for _, module, code in records(self.results)]


def is_other(
    recorded: Mapping[str, str] | None,
    hashes: Mapping[str, str],
    needed: Collection[str],
    code: Code,
) -> bool:
    """Whether a result was made by other code than that of a stamp.

    Parameters
    ----------
    recorded
        Hashes in the run record; None in records of old versions.
    hashes
        Those of the stamp. A record may name more: modules of another task.
    needed
        The names that every record of the module must have.
    code
        The present code: what a record names may be gone from it.
    """
    if recorded is None or any(name not in recorded for name in needed):
        return True
    return any(
        hashes[name] != was if name in hashes else code.current(name) is None
        for name, was in recorded.items()
    )


def write_stamp(
    name: str, hashes: Mapping[str, str], stale: Callable[[], Collection[bool]]
) -> str:
    """Write a stamp if it has changed, and return its path.

    Parameters
    ----------
    name
        Of the stamp.
    hashes
        Hash of each module and data file.
    stale
        Called when the stamp is written: of each run record, whether other code made
        the result. If none did, the stamp is older than every result. Where nothing is
        recorded, a stamp that replaces another is new.
    """
    path = STAMPS / f"{name}.json"
    content = json.dumps(hashes, indent=0) + "\n"
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    if before != content:
        found = stale()
        is_new = any(found) if found else before is not None
        with atomic(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
            if not is_new:
                os.utime(temporary, (OLD, OLD))
    return path.as_posix()


def records(
    results: Path,
) -> Iterator[tuple[Path, str, Mapping[str, str] | None]]:
    """Every run record below a folder: its path, the module that was run, its code."""
    for path in sorted(results.rglob("*.run.json")):
        try:
            record = json.loads(path.read_bytes())
            words = record["command"].split()
            code = record.get("code")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            yield path, "", None
            continue
        # `python -m figures.circuit ...` or `head-patching make-pairs ...`
        command = f"head_patching.commands.{words[1].replace('-', '_')}"
        yield path, words[2] if words[0] == "python" else command, code


def changes(recorded: Mapping[str, str], code: Code) -> dict[str, str]:
    """How the code of a result differs now: `has changed` or `is gone`, by module."""
    today = {name: code.current(name) for name in recorded}
    return {
        name: "is gone" if today[name] is None else "has changed"
        for name, was in recorded.items()
        if today[name] != was
    }


def records_of(what: str, results: Path) -> dict[Path, Mapping[str, str] | None]:
    """The code of each run that made a file, or of each run of a rule.

    Raises
    ------
    ValueError
        When it is neither a file with a run record nor a rule that has made one.
    """
    # Not at the top: this imports pandas, which takes a third of the time of a dry run.
    from head_patching.files.records import read_record
    from head_patching.reporting.origins import rule_of

    if Path(what).is_file():
        folder = Path(what).parent
        made = {path: code for path, _, code in records(folder) if wrote(path, what)}
        if not made:
            raise ValueError(f"{what} has no run record beside it")
        return made
    rules = read_record(results / "provenance.json", ["rules"])["rules"]
    by_rule: dict[str, dict[Path, Mapping[str, str] | None]] = {}
    for path, _, code in records(results):
        name = (Path(results.name) / path.relative_to(results)).as_posix()
        by_rule.setdefault(rule_of(name, rules), {})[path] = code
    by_rule.pop("", None)
    if what not in by_rule:
        raise ValueError(
            f"{what} is neither a result file nor a rule with run records; rules: "
            f"{', '.join(sorted(by_rule))}"
        )
    return by_rule[what]


def wrote(record: Path, file: str) -> bool:
    """Whether a record is of the run that wrote a file, which is in the same folder."""
    run = json.loads(record.read_bytes())
    names = {record.name, run.get("file"), *run.get("beside", ())}
    is_own = record.name.removesuffix(".run.json") == Path(file).stem
    return record.parent == Path(file).parent and (Path(file).name in names or is_own)
