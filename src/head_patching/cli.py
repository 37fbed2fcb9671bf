"""The command line: one subcommand for each rule of the workflow, and a demo.

Subcommands are found, not listed: a function `make_pairs` in `commands/make_pairs.py`
is `make-pairs`. A module is imported when its subcommand is called.
"""

import importlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from head_patching import commands
from head_patching.building.code import Code, running_packages, yaml_hashes
from head_patching.commands._recording import is_recorded
from head_patching.files import provenance
from head_patching.files.writable import require_writable
from head_patching.lookup import MODULES_USED
from head_patching.memory import was_refused

# Of NumPy, which reads it when first imported, later than here: its products are small,
# and its second thread would spin between them for a quarter of a command's CPU time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


# Typer carries its own copy of click: a context's type is private, hence `Any` below.
class OneLineErrors(TyperGroup):
    """A group whose expected errors are one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TyperException as error:
            # Of the command line itself, which Typer would print with its usage.
            print(f"error: {error.format_message()}", file=sys.stderr)
            raise typer.Exit(2) from None
        except (ValueError, OSError, MemoryError, RuntimeError) as error:
            is_bug = isinstance(error, RuntimeError) and not was_refused(error)
            if is_bug or ctx.params.get("traceback"):
                raise
            print(f"error: {_message(error)}", file=sys.stderr)
            raise typer.Exit(1) from None


class Recorded(TyperCommand):
    """A subcommand that writes a run record for its result."""

    def invoke(self, ctx: Any) -> Any:
        for name, value in ctx.params.items():
            if name.startswith(provenance.OUTPUTS):
                for path in _paths(value):
                    require_writable(path)
        # Before the command runs: its modules may be edited while it does.
        code = Code(running_packages())
        module = ctx.command.callback.__module__
        hashes = code.hashes([module] if code.file_of(module) else [])
        MODULES_USED.clear()
        result = super().invoke(ctx)
        if ctx.params["out"] is None:
            return result
        hashes |= code.hashes(sorted(MODULES_USED))
        settings = {k: v for k, v in ctx.params.items() if not _paths(v)}
        outputs, inputs = [], {}
        for name, value in ctx.params.items():
            if name.startswith(provenance.OUTPUTS):
                outputs += _paths(value)
            else:
                inputs[name] = value
        read = [path for value in inputs.values() for path in _paths(value)]
        hashes |= yaml_hashes(read)
        record = provenance.run_record(
            command_line(ctx),
            read,
            {k: _plain(v) for k, v in settings.items() if v is not None},
            dict(sorted(hashes.items())),
        )
        for path in _paths(ctx.params["out"]):
            provenance.write_record(record, path, outputs)
        return result


class FoundCommands(Mapping[str, TyperCommand]):
    """The subcommands by name, each imported when it is looked up."""

    def __init__(self) -> None:
        self.modules = {
            path.stem.replace("_", "-"): path.stem
            for folder in commands.__path__
            for path in sorted(Path(folder).glob("[!_]*.py"))
            if re.search(rf"^def {path.stem}\(", path.read_text("utf-8"), re.M)
        }

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __len__(self) -> int:
        return len(self.modules)

    def __getitem__(self, name: str) -> TyperCommand:
        module = self.modules[name]
        imported = importlib.import_module(f"head_patching.commands.{module}")
        function = getattr(imported, module)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        cls = Recorded if is_recorded(function) else TyperCommand
        alone.command(name, cls=cls)(function)
        return typer.main.get_command(alone)


class HeadPatching(OneLineErrors):
    """The group of all subcommands that there are."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = FoundCommands()


app = typer.Typer(
    name="head-patching",
    cls=HeadPatching,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def head_patching(
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where an error arose.")
    ] = False,
) -> None:
    """Which attention heads do what, by activation patching."""
    # Before anything imports them: neither warnings about packages that are not needed
    # nor progress bars in a log.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    # Threads that wait for each other sleep: where jobs share cores, spinning ones keep
    # the others from working and all take four times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # PyTorch's large tensors in huge pages: the sweeps take about a tenth less.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def command_line(ctx: Any) -> str:
    """The command that was run, every setting in it, as it can be run again."""
    words = ["head-patching", str(ctx.info_name)]
    last: list[str] = []
    for parameter in ctx.command.params:
        value = ctx.params.get(parameter.name)
        values = value if isinstance(value, list | tuple) else [value]
        shown = [str(_plain(item)) for item in values if item is not None]
        if parameter.param_type_name == "argument":
            last += shown
        elif isinstance(value, bool):
            words += [parameter.opts[0]] if value else []
        else:
            words += [word for item in shown for word in (parameter.opts[0], item)]
    return shlex.join(words + last)


def _paths(value: Any) -> list[Path]:
    """The paths in a parameter's value: itself, its items, or none."""
    values = value if isinstance(value, list | tuple) else [value]
    return [item for item in values if isinstance(item, Path)]


def _plain(value: Any) -> Any:
    """The value as JSON and a shell have it."""
    if isinstance(value, Enum):
        return value.value
    return provenance.relative(value) if isinstance(value, Path) else value


def _message(error: Exception) -> str:
    """One line; an error of the file system names the file first."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        named = f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}"
        return " ".join(named.splitlines())
    if was_refused(error):
        detail = str(error).partition("\n")[0] or "the system refused it"
        return f"not enough memory ({detail}): take fewer pairs at once, or end others"
    return " ".join(str(error).split()) or type(error).__name__
