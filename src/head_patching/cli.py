"""The command line: one subcommand for each rule of the workflow, and a demo."""

import os
import shlex
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from head_patching.commands.archive import archive
from head_patching.commands.benchmark import benchmark
from head_patching.commands.build_numbers import build_numbers
from head_patching.commands.build_shared_tables import build_shared_tables
from head_patching.commands.build_tables import build_tables
from head_patching.commands.cache_activations import cache_activations
from head_patching.commands.check_patching import check_patching
from head_patching.commands.classify_roles import classify_roles
from head_patching.commands.compare_models import compare_models
from head_patching.commands.compare_roles import compare_roles
from head_patching.commands.compare_tasks import compare_tasks
from head_patching.commands.compare_weights import compare_weights
from head_patching.commands.demo import demo
from head_patching.commands.estimate_effects import estimate_effects
from head_patching.commands.gather_shards import gather_shards
from head_patching.commands.inspect_weights import inspect_weights
from head_patching.commands.make_pairs import make_pairs
from head_patching.commands.measure_behaviour import measure_behaviour
from head_patching.commands.measure_evidence import measure_evidence
from head_patching.commands.measure_repetition import measure_repetition
from head_patching.commands.outline_circuit import outline_circuit
from head_patching.commands.patch import patch
from head_patching.commands.prepare_model import prepare_model
from head_patching.commands.record_provenance import record_provenance
from head_patching.commands.replicate import replicate
from head_patching.commands.show_attention import show_attention
from head_patching.commands.summarise_effects import summarise_effects
from head_patching.commands.summarise_validation import summarise_validation
from head_patching.commands.switch_bos import switch_bos
from head_patching.commands.trace import trace
from head_patching.commands.trace_paths import trace_paths
from head_patching.commands.typeset import typeset
from head_patching.commands.update_reference import update_reference
from head_patching.commands.validate import validate
from head_patching.commands.verify import verify
from head_patching.files import provenance
from head_patching.files.writable import require_writable
from head_patching.memory import was_refused


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
        except (ValueError, OSError, KeyError, MemoryError, RuntimeError) as error:
            is_bug = isinstance(error, RuntimeError) and not was_refused(error)
            if is_bug or ctx.params.get("traceback"):
                raise
            print(f"error: {_message(error)}", file=sys.stderr)
            raise typer.Exit(1) from None


class Recorded(TyperCommand):
    """A subcommand that leaves a run record beside its result."""

    def invoke(self, ctx: Any) -> Any:
        for name, value in ctx.params.items():
            if name.startswith(provenance.OUTPUTS):
                for path in _paths(value):
                    require_writable(path)
        result = super().invoke(ctx)
        if ctx.params["out"] is None:
            return result
        settings = {k: v for k, v in ctx.params.items() if not _paths(v)}
        outputs, inputs = [], {}
        for name, value in ctx.params.items():
            if name.startswith(provenance.OUTPUTS):
                outputs += _paths(value)
            else:
                inputs[name] = value
        record = provenance.run_record(
            command_line(ctx),
            [path for value in inputs.values() for path in _paths(value)],
            {k: _plain(v) for k, v in settings.items() if v is not None},
        )
        provenance.write_record(record, ctx.params["out"], outputs)
        return result


app = typer.Typer(
    name="head-patching",
    cls=OneLineErrors,
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


app.command()(prepare_model)
app.command(cls=Recorded)(make_pairs)
app.command(cls=Recorded)(switch_bos)
app.command(cls=Recorded)(measure_behaviour)
app.command()(cache_activations)
app.command(cls=Recorded)(patch)
app.command(cls=Recorded)(gather_shards)
app.command(cls=Recorded)(check_patching)
app.command(cls=Recorded)(summarise_effects)
app.command(cls=Recorded)(measure_evidence)
app.command(cls=Recorded)(inspect_weights)
app.command(cls=Recorded)(trace_paths)
app.command(cls=Recorded)(classify_roles)
app.command(cls=Recorded)(compare_roles)
app.command(cls=Recorded)(replicate)
app.command(cls=Recorded)(show_attention)
app.command(cls=Recorded)(outline_circuit)
app.command(cls=Recorded)(compare_tasks)
app.command(cls=Recorded)(compare_models)
app.command(cls=Recorded)(compare_weights)
app.command(cls=Recorded)(measure_repetition)
app.command()(record_provenance)
app.command(cls=Recorded)(build_tables)
app.command(cls=Recorded)(build_shared_tables)
app.command(cls=Recorded)(build_numbers)
app.command(cls=Recorded)(estimate_effects)
app.command(cls=Recorded)(validate)
app.command(cls=Recorded)(summarise_validation)
app.command()(benchmark)
app.command()(typeset)
app.command()(trace)
app.command()(verify)
app.command()(archive)
app.command()(update_reference)
app.command()(demo)


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
        return f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}"
    if was_refused(error):
        detail = str(error).partition("\n")[0] or "the system refused it"
        return f"not enough memory ({detail}): take fewer pairs at once, or end others"
    if isinstance(error, KeyError):
        return f"{error} is missing in an input file"
    return " ".join(str(error).split()) or type(error).__name__
