"""The register of result tables: where each lies, and what its columns are.

A function's parameters name the tables that it reads: `draw(effects, roles)` reads
`effects` and `roles` of a task, `shared_heads(roles_by_task)` the roles of every task.
What rules, commands, readers and writers need to know of a table follows from this
register and from signatures. Nothing slow is imported: Snakemake reads it, too.
"""

import ast
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path

from head_patching.files.table import Scope, Table

BY_TASK = "_by_task"


_HEAD = "layer:i head:i"
_PAIR = f"{_HEAD} later_layer:i later_head:i"
_INTERVAL = "ci_low:f ci_high:f"
_EFFECT = f"effect:f {_INTERVAL} p_value:f q_value:f confirmed:i important:i n_pairs:i"
_KIND = "architecture noise:f redundancy attention wiring"
_PLANTED = f"{_KIND} decoys seed:i without"
_RATES = (
    "precision:f precision_low:f precision_high:f recall:f recall_low:f recall_high:f"
)
_KAPPA = "precision:f recall:f kappa:f kappa_low:f kappa_high:f"
_QUESTION = "corruption direction silenced"
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
        "chosen_heads",
        Scope.EXPERIMENT,
        f"{_HEAD} reason estimate:f",
        may_be_empty=True,  # nothing is important, and none was to be drawn
    ),
    Table(
        "audit",
        Scope.EXPERIMENT,
        f"patch_type direction position {_HEAD} effect:f estimate:f",
        may_be_empty=True,  # all heads were chosen
    ),
    Table(
        "attribution",
        Scope.EXPERIMENT,
        "patch_type direction n_heads:i pearson:f spearman:f top:i top_shared:f"
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
        f"{_HEAD} criterion value:f {_INTERVAL} q_value:f n:i {_QUESTION} patched"
        " important:i",
    ),
    Table(
        "roles",
        Scope.EXPERIMENT,
        f"{_HEAD} role important:i missing probability:f receivers",
    ),
    Table(
        "role_criteria",
        Scope.EXPERIMENT,
        f"{_HEAD} role {_CRITERION} bound:f verdict:i",
        may_be_empty=True,  # a task without criteria
    ),
    Table(
        "role_stability", Scope.EXPERIMENT, "role jaccard:f n_resamples:i left_over:f"
    ),
    Table(
        "head_groups",
        Scope.EXPERIMENT,
        f"stage receivers {_QUESTION} found:i heads n_heads:i joint:f joint_low:f"
        " joint_high:f alone:f alone_low:f alone_high:f random_largest:f matters:i"
        " label probability:f",
        file="groups.csv",
        may_be_empty=True,  # no stage has candidates
    ),
    Table(
        "group_members",
        Scope.EXPERIMENT,
        f"stage {_QUESTION} {_HEAD} alone:f alone_low:f alone_high:f given_back:f"
        " given_back_low:f given_back_high:f share:f share_low:f share_high:f",
        may_be_empty=True,  # no stage has candidates
    ),
    Table(
        "circuit",
        Scope.EXPERIMENT,
        f"{_HEAD} role found:i position place:i criterion receiver value:f {_INTERVAL}"
        f" important:i {_QUESTION} patched",
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
        " planted decoy found",
        file="",
    ),
    Table(
        "scores",
        Scope.VALIDATION,
        "task architecture noise:f redundancy attention role tp:i fp:i fn:i"
        f" {_RATES} n_models:i is_default:i",
    ),
    Table(
        "pooled_scores",  # over architectures
        Scope.VALIDATION,
        f"task noise:f redundancy role tp:i fp:i fn:i {_RATES} n_models:i is_default:i",
    ),
    Table(
        "confusion",
        Scope.VALIDATION,
        "task architecture noise:f redundancy attention planted found heads:i"
        " is_default:i",
    ),
    Table(
        "null_models",
        Scope.VALIDATION,
        f"{_PLANTED} task accuracy:f refused:i false_roles:i heads backups:i",
        may_be_empty=True,  # validated without
    ),
    Table(
        "decoys",
        Scope.VALIDATION,
        "task architecture noise:f redundancy kind n_models:i n_decoys:i with_role:i"
        " heads",
        may_be_empty=True,  # validated without
    ),
    Table(
        "list_scores",  # written by `score` wherever a person wants it
        Scope.VALIDATION,
        f"role tp:i fp:i fn:i {_RATES} n_models:i",
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
