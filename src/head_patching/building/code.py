"""The code that a result depends on, by module, without comments and help texts.

Snakemake does not follow the imports of a rule's command. Here the closure of a module
is everything that importing it can read. Each module in the closure has a hash of its
syntax tree, without docstrings and help texts of options; each data file has a hash of
its content. So a changed statement in `patching/deltas.py` reruns the patching and what
depends on it, and a changed comment reruns nothing.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path

import head_patching
from head_patching.building import syntax_trees
from head_patching.building.syntax_trees import imports, short, tree_hash
from head_patching.files.provenance import relative
from head_patching.files.writing import atomic

# Hashes and imports of modules that were parsed before.
PARSED = Path(".snakemake/code/parsed.json")

# The versions of other packages.
LOCKS = ("requirements.lock", "model.lock")


def packages_in(root: Path) -> dict[str, Path]:
    """The folders of this project's packages in a copy of its repository."""
    return {"head_patching": root / "src/head_patching", "figures": root / "figures"}


def running_packages() -> dict[str, Path]:
    """The folders of this project's packages as this process imports them."""
    modules = {"head_patching": head_patching, "figures": sys.modules.get("figures")}
    return {name: Path(each.__path__[0]) for name, each in modules.items() if each}


@cache
def parsed(name: str, source: bytes, *, is_package: bool) -> tuple[str, ...]:
    """The hash of a module's syntax tree, and then what it imports.

    Remembered, since a process that runs many commands asks for the same again.
    """
    tree = ast.parse(source, name)
    return tree_hash(tree), *imports(name, tree, is_package=is_package)


class Code:
    """The modules and data files of the project, each read once.

    Parameters
    ----------
    packages
        Folder of each top-level package.
    parsed
        File with hashes and imports of modules by the checksum of their source, since
        parsing all of them takes a second. It is read here and written by `keep`.
    """

    def __init__(self, packages: Mapping[str, Path], parsed: Path = PARSED) -> None:
        self.packages = packages
        self.file = parsed
        self.kept = read_parsed(parsed)
        self.parsed: dict[str, list[str]] = {}
        self.files: dict[str, Path | None] = {}
        self.modules: dict[str, list[str]] = {}
        self.data: dict[Path, dict[str, str]] = {}

    def hashes(self, modules: Iterable[str]) -> dict[str, str]:
        """Hash of every module and data file in the closure of these modules.

        Imports inside functions count: subcommands have the slow ones there. A data
        file belongs to the modules in its folder, a lock to all modules.

        Parameters
        ----------
        modules
            Dotted names: `head_patching.commands.patch`, `figures.head_effects`.

        Returns
        -------
        dict
            Hash by dotted name of the module, or path of the data file in its package.

        Raises
        ------
        FileNotFoundError
            When a module does not exist.
        """
        found: dict[str, str] = {}
        waiting = [*modules]
        for module in waiting:
            if self.file_of(module) is None:
                raise FileNotFoundError(f"no module {module} in {self._places()}")
        while waiting:
            name = waiting.pop()
            file = None if name in found else self.file_of(name)
            if file is None:
                continue
            found[name], *imported = self.module(name, file)
            waiting += imported
            found |= self.data_in(name.split(".")[0], file.parent)
        return dict(sorted((found | self.locks).items()))

    @cached_property
    def locks(self) -> dict[str, str]:
        """Hashes of the locks of other packages.

        They are in the working folder, or with the code that runs: a rule with a shadow
        works in a folder without them.
        """
        ours = self.packages.get("head_patching", Path("src/head_patching"))
        found = {
            lock: next(filter(Path.is_file, (Path(lock), ours.parents[1] / lock)), None)
            for lock in LOCKS
        }
        return {lock: text_hash(file) for lock, file in found.items() if file}

    def current(self, name: str) -> str | None:
        """The present hash of a module, data file or lock; None if it is gone."""
        if name in LOCKS:
            return self.locks.get(name)
        package, _, path = name.partition("/")
        if path:
            data = (
                self.packages[package] / path
                if package in self.packages
                else Path(name)
            )
            return data_hash(data) if data.is_file() else None
        file = self.file_of(name)
        return self.module(name, file)[0] if file else None

    def file_of(self, module: str) -> Path | None:
        """The file of a module of ours; None for other modules and for attributes."""
        if module not in self.files:
            package, *rest = module.split(".")
            found = None
            if package in self.packages:
                path = self.packages[package] / Path(*rest)
                files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
                found = next((file for file in files if file.is_file()), None)
            self.files[module] = found
        return self.files[module]

    def module(self, name: str, file: Path) -> list[str]:
        """A module's hash, and then the modules that it imports."""
        if name not in self.modules:
            source = file.read_bytes()
            key = f"{name} {hashlib.sha256(source).hexdigest()}"
            entry = self.kept.get(key)
            if entry is None:
                is_package = file.name == "__init__.py"
                tree, *named = parsed(name, source, is_package=is_package)
                ours = [each for each in named if each.split(".")[0] in self.packages]
                entry = [tree, *ours]
            self.parsed[key] = entry
            self.modules[name] = [entry[0], *filter(self.file_of, entry[1:])]
        return self.modules[name]

    def data_in(self, package: str, folder: Path) -> dict[str, str]:
        """Hashes of the files in a module's folder that are not Python's."""
        if folder not in self.data:
            place = folder.relative_to(self.packages[package])
            self.data[folder] = {
                (Path(package) / place / path.name).as_posix(): data_hash(path)
                for path in folder.iterdir()
                if path.suffix not in {".py", ".pyc", ".md"}
                and not path.name.startswith(".")
                and not path.name.endswith("~")
                and path.is_file()
            }
        return self.data[folder]

    def keep(self) -> None:
        """Write what was parsed, for the next process."""
        if self.parsed.keys() <= self.kept.keys():
            return
        seen = {key.split()[0] for key in self.parsed}
        others = {k: v for k, v in self.kept.items() if k.split()[0] not in seen}
        self.kept = others | self.parsed
        with atomic(self.file) as partial:
            partial.write_text(json.dumps({"by": OWN, "modules": self.kept}))

    def _places(self) -> str:
        return ", ".join(str(folder.absolute()) for folder in self.packages.values())


def read_parsed(file: Path) -> dict[str, list[str]]:
    """What another process parsed, if it did so with this version of the code."""
    try:
        kept = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(kept, dict) and kept.get("by") == OWN
    return kept["modules"] if is_ours else {}


def data_hash(path: Path) -> str:
    """Hash of a data file: of the parsed content if it is YAML, else of its bytes."""
    content = path.read_bytes()
    if path.suffix == ".mplstyle":
        return text_hash(path)
    if path.suffix in (".yaml", ".yml"):
        import yaml

        content = json.dumps(yaml.safe_load(content), default=str).encode()
    return short(content)


def yaml_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Hash of each YAML file among these files, and in these folders, by its path."""
    files = {file for path in paths for file in (path, *path.glob("*.yaml"))}
    return {
        relative(file): data_hash(file)
        for file in sorted(files)
        if file.suffix == ".yaml" and file.is_file()
    }


def text_hash(path: Path) -> str:
    """Hash of a text file, less its comments: what follows a # after a space."""
    lines = path.read_text(encoding="utf-8").splitlines()
    code = [f" {line}".split(" #")[0].strip() for line in lines]
    kept = list(filter(None, code))
    return short("\n".join(kept).encode())


# The version of the files that decide whether kept hashes are valid.
OWN = short(Path(__file__).read_bytes() + Path(syntax_trees.__file__).read_bytes())
