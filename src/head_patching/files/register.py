"""The register of result tables: where each lies, and what its columns are.

A function's parameters name the tables that it reads: `draw(effects, roles)` reads
`effects` and `roles` of a task, `shared_heads(roles_by_task)` the roles of every task.
What rules, commands, readers and writers need to know of a table follows from this
register and from signatures. A leaf: it imports nothing of this project, nor pandas.
"""

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

BY_TASK = "_by_task"


class Scope(StrEnum):
    """What a table is about, which says the folder that it is in."""

    EXPERIMENT = "experiment"  # results/{model}/{task}/{corruption}/
    MODEL = "model"  # results/{model}/
    REPLICATION = "replication"  # also there: what is published of the chapter's model
    COMPARISON = "comparison"  # also there: the chapter's model and the other models
    VALIDATION = "validation"  # results/validation/
    BUILD = "build"  # results/


TYPES: dict[str, type] = {"": str, "i": int, "f": float}


class Table:
    """A result file, read and written by its name.

    Parameters
    ----------
    name
        As parameters of functions and options of commands have it.
    scope
        What it is about.
    columns
        All columns in their order, separated by spaces, `name:i` for whole numbers and
        `name:f` for others, which may be missing; the rest are texts. Of a JSON file,
        the keys that it must have.
    file
        Its path in the folder of its scope, unless it is the name and `.csv`; empty
        for tables of which a folder holds several, with names of their own.
    may_be_empty
        Whether a build without a fault may give it no rows.
    """

    def __init__(
        self,
        name: str,
        scope: Scope,
        columns: str = "",
        *,
        file: str | None = None,
        may_be_empty: bool = False,
    ) -> None:
        self.name = name
        self.scope = scope
        self.columns = parse_columns(columns)
        self.file = f"{name}.csv" if file is None else file
        self.may_be_empty = may_be_empty


def parse_columns(text: str) -> dict[str, type]:
    """The type of each column.

    Examples
    --------
    >>> parse_columns("role layer:i value:f")
    {'role': <class 'str'>, 'layer': <class 'int'>, 'value': <class 'float'>}
    """
    pairs = (column.partition(":") for column in text.split())
    return {name: TYPES[kind] for name, _, kind in pairs}


_HEAD = "layer:i head:i"
_PAIR = f"{_HEAD} later_layer:i later_head:i"
_INTERVAL = "ci_low:f ci_high:f"
_EFFECT = f"effect:f {_INTERVAL} p_value:f q_value:f confirmed:i important:i n_pairs:i"
_PLANTED = "architecture noise:f seed:i without"
_RATES = (
    "precision:f precision_low:f precision_high:f recall:f recall_low:f recall_high:f"
)
_KAPPA = "precision:f recall:f kappa:f kappa_low:f kappa_high:f"
_CRITERION = f"criterion value:f {_INTERVAL} comparison threshold:f"

# The only list of tables.
_EACH = (
    # Of one experiment.
    Table("pairs", Scope.EXPERIMENT, file="pairs.jsonl"),
    Table(
        "behaviour", Scope.EXPERIMENT, f"group run metric mean:f {_INTERVAL} n_pairs:i"
    ),
    Table("effects", Scope.EXPERIMENT, f"patch_type direction {_HEAD} {_EFFECT}"),
    Table(
        "effects_by_position",
        Scope.EXPERIMENT,
        f"patch_type direction {_HEAD} position {_EFFECT}",
    ),
    Table(
        "attribution",
        Scope.EXPERIMENT,
        "patch_type direction pearson:f spearman:f top:i top_shared:f"
        " largest_error:f largest_error_layer:i largest_error_head:i",
    ),
    Table(
        "self_check",
        Scope.EXPERIMENT,
        f"patch_type direction position {_HEAD} pair:i engine:f reference:f abs_diff:f",
    ),
    Table(
        "self_check_summary",
        Scope.EXPERIMENT,
        "identity_max max_abs_diff n_heads n_pairs tolerance",
        file="self_check.json",
    ),
    Table(
        "evidence",
        Scope.EXPERIMENT,
        f"{_HEAD} criterion value:f {_INTERVAL} q_value:f n:i important:i",
    ),
    Table("roles", Scope.EXPERIMENT, f"{_HEAD} role important:i missing probability:f"),
    Table(
        "role_criteria",
        Scope.EXPERIMENT,
        f"{_HEAD} role {_CRITERION} bound:f verdict:i",
        may_be_empty=True,  # a task without criteria
    ),
    Table("role_stability", Scope.EXPERIMENT, "role jaccard:f n_resamples:i"),
    Table(
        "circuit",
        Scope.EXPERIMENT,
        f"{_HEAD} role position place:i receiver value:f {_INTERVAL} important:i",
        may_be_empty=True,  # no head has a role
    ),
    Table(
        "attention_examples",
        Scope.EXPERIMENT,
        f"{_HEAD} role query_pos:i key_pos:i query_token key_token attention:f"
        " position",
    ),
    Table(
        "weight_agreement",
        Scope.EXPERIMENT,
        f"role criterion effect spearman:f {_INTERVAL} auc:f p_value:f"
        " n_in_role:i n_heads:i",
    ),
    Table(
        "weight_roc",
        Scope.EXPERIMENT,
        "role criterion false_positive:f true_positive:f",
        may_be_empty=True,  # no head, or every head, has a role
    ),
    Table("weight_pairs", Scope.EXPERIMENT, "kind difference:f p_value:f n_pairs:i"),
    Table(
        "composition_edges",
        Scope.EXPERIMENT,
        f"kind {_PAIR} value:f baseline:f z:f role later_role",
        may_be_empty=True,
    ),
    Table("published_heads", Scope.EXPERIMENT, f"{_HEAD} source", may_be_empty=True),
    # Of a model.
    Table("model", Scope.MODEL, "config provenance", file="model/model.json"),
    Table("weights", Scope.MODEL, f"{_HEAD} criterion value:f"),
    Table(
        "composition",
        Scope.MODEL,
        f"kind {_PAIR} value:f baseline:f baseline_sd:f",
        may_be_empty=True,  # a model of one layer
    ),
    Table(
        "repetition",
        Scope.MODEL,
        f"distance:i copies:i metric mean:f {_INTERVAL} n_sequences:i",
    ),
    Table(
        "overlap",
        Scope.MODEL,
        f"first second direction n_first:i n_second:i shared:i jaccard:f {_INTERVAL}"
        " expected:f p_value:f heads",
        may_be_empty=True,  # one task
    ),
    # Of the chapter's model, and what is published of it, or other models.
    Table("published_roles", Scope.REPLICATION, f"{_HEAD} role fuzzy:i section source"),
    Table(
        "replication",
        Scope.REPLICATION,
        "criterion role heads n_heads:i comparison published:f section prepend_bos:i"
        f" own:i value:f {_INTERVAL} agrees:f",
        may_be_empty=True,
    ),
    Table(
        "role_agreement",
        Scope.REPLICATION,
        f"prepend_bos:i own:i role published:i found:i both:i {_KAPPA}",
        may_be_empty=True,
    ),
    Table(
        "role_disagreements",
        Scope.REPLICATION,
        f"prepend_bos:i own:i {_HEAD} role side {_CRITERION} verdict:i",
        may_be_empty=True,
    ),
    Table(
        "models",
        Scope.COMPARISON,
        "model task n_layers:i n_heads:i prepend_bos:i n_pairs:i"
        " logit_diff:f logit_diff_low:f logit_diff_high:f"
        " accuracy:f accuracy_low:f accuracy_high:f"
        " denoising_important:i denoising_share:f denoising_concentration:f"
        " noising_important:i noising_share:f noising_concentration:f"
        " n_with_role:i n_undecided:i",
        may_be_empty=True,
    ),
    Table(
        "model_roles",
        Scope.COMPARISON,
        f"model task {_HEAD} role depth:f probability:f effect:f",
        may_be_empty=True,
    ),
    # Of planted models.
    Table(
        "validation",
        Scope.VALIDATION,
        f"{_PLANTED} induction_accuracy:f task accuracy:f refused:i {_HEAD}"
        " planted found",
        file="",
    ),
    Table(
        "scores",
        Scope.VALIDATION,
        f"task architecture noise:f role tp:i fp:i fn:i {_RATES}"
        " n_models:i is_default:i",
    ),
    Table(
        "confusion",
        Scope.VALIDATION,
        "task architecture noise:f planted found heads:i is_default:i",
    ),
    Table(
        "null_models",
        Scope.VALIDATION,
        f"{_PLANTED} task accuracy:f refused:i false_roles:i heads",
        may_be_empty=True,  # validated without
    ),
    # Of a whole build.
    Table("provenance", Scope.BUILD, "settings", file="provenance.json"),
    Table("numbers", Scope.BUILD, "key text exact files"),
    Table(
        "claims",
        Scope.BUILD,
        "id statement where expected obtained difference:f tolerance:f holds:i",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _EACH}


def columns(table: str) -> list[str]:
    """The columns of a table, in their order.

    Examples
    --------
    >>> columns("published_heads")
    ['layer', 'head', 'source']
    """
    return [*TABLES[table].columns]


def table_of(parameter: str) -> Table | None:
    """The table that a parameter of this name is given; None for other parameters.

    Examples
    --------
    >>> table_of("roles_by_task").name, table_of("top")
    ('roles', None)
    """
    return TABLES.get(parameter.removesuffix(BY_TASK))


def is_of_task(parameter: str) -> bool:
    """Whether a parameter is the table of one task, another one for each.

    Examples
    --------
    >>> [is_of_task(each) for each in ("roles", "roles_by_task", "scores", "top")]
    [True, False, False, False]
    """
    table = TABLES.get(parameter)
    return table is not None and table.scope == Scope.EXPERIMENT


def inputs(function: Callable[..., object]) -> tuple[str, ...]:
    """The parameters of a function that are tables, in their order."""
    return _tables_among(inspect.signature(function).parameters)


def inputs_of(source: Path | str, function: str) -> tuple[str, ...]:
    """The parameters that are tables of a function in a file, which is not imported.

    Raises
    ------
    ValueError
        When the file has no such function.
    """
    for node in ast.parse(Path(source).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            return _tables_among(each.arg for each in every)
    raise ValueError(f"{source} has no function {function!r}")


def _tables_among(parameters: Iterable[str]) -> tuple[str, ...]:
    """The names among parameters that are those of tables."""
    return tuple(name for name in parameters if table_of(name))


@dataclass(frozen=True)
class Folders:
    """Where the results of a chapter are.

    Parameters
    ----------
    build
        The folder of all results.
    model
        That of the chapter's model.
    experiments
        That of each task's experiment, by the task's name.
    """

    build: Path
    model: Path
    experiments: Mapping[str, Path]

    def path(self, table: str, task: str = "") -> Path:
        """Where a table is; of the given task where each task has its own.

        Examples
        --------
        >>> folders = Folders(Path("r"), Path("r/m"), {"ioi": Path("r/m/ioi/abc")})
        >>> folders.path("roles", "ioi").as_posix(), folders.path("models").as_posix()
        ('r/m/ioi/abc/roles.csv', 'r/m/models.csv')
        """
        registered = TABLES[table]
        match registered.scope:
            case Scope.EXPERIMENT:
                folder = self.experiments[task]
            case Scope.VALIDATION:
                folder = self.build / "validation"
            case Scope.BUILD:
                folder = self.build
            case _:
                folder = self.model
        return folder / registered.file

    def paths(self, parameters: Iterable[str], task: str = "") -> dict[str, list[Path]]:
        """The files of each parameter that is a table: one, or one of each task."""
        return {
            name: [self.path(registered.name, each) for each in self.tasks(name, task)]
            for name in parameters
            if (registered := table_of(name))
        }

    def tasks(self, parameter: str, task: str) -> list[str]:
        """The tasks whose table a parameter is given."""
        return [*self.experiments] if parameter.endswith(BY_TASK) else [task]
