"""Synthetic results with the columns of real ones, for tests only.

A few heads have large effects and the rest is noise, as in a model that does the task;
every number is drawn from the seed, and no model was run. A function
`synthetic_TABLE` gives that table; any other table of the register has one row, of
ones and empty texts.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from head_patching.files.pairs_file import PairsFile, to_lines
from head_patching.files.register import TABLES, Scope
from head_patching.files.writing import write_json, write_table
from head_patching.roles.circuit import circuit
from head_patching.roles.model_comparison import compare_models, roles_in_depth
from head_patching.tasks import find_task
from head_patching.terms import DIRECTIONS, NO_ROLE, POOLED, RUNS, UNDECIDED, Role
from tests.reporting import synthetic_records, synthetic_roles, synthetic_shared
from tests.reporting.synthetic_models import synthetic_experiments
from tests.reporting.synthetic_roles import (
    PLANTED,
    SHAPE,
    planted,
    synthetic_evidence,
)
from tests.tables import complete, made

# The roles that are tested on the induction task.
INDUCTION_ROLES = {Role.INDUCTION, Role.PREVIOUS_TOKEN, UNDECIDED, NO_ROLE, POOLED}

# Evidence of the first task -> that of the second which it is used as.
OF_INDUCTION = {
    "attention.END.IO": "attention.END.A1",
    "attention.END.S2": "attention.END.B1",
    "attention.S1+1.S1": "attention.B1.A1",
} | {
    name: name
    for name in (
        "path.logits",
        "path.induction_keys",
        "stage.induction_keys",
        "knocked_out.effect",
        "knocked_out.interaction",
        "effect.denoising.output",
        "direct_effect",
        "copy_score",
        "negative_copy_score",
        "previous_token_score",
        "induction_score",
        "induction_score.25x4",
    )
}


def synthetic_effects(
    n_layers: int = SHAPE[0],
    n_heads: int = SHAPE[1],
    patch_types: Sequence[str] = ("output",),
    seed: int = 0,
) -> pd.DataFrame:
    """effects.csv: noise around zero, planted heads on top."""
    rng = np.random.default_rng(seed)
    rows = []
    for patch_type in patch_types:
        share = 1.0 if patch_type == "output" else 0.6
        for number, direction in enumerate(DIRECTIONS, start=1):
            for head in np.ndindex(n_layers, n_heads):
                effect = rng.normal(0, 0.006) + share * planted(head)[number]
                half = 0.004 + 0.15 * abs(effect)
                important = int(abs(effect) > 0.05)
                interval = (effect - half, effect + 1.1 * half)
                tested = (0.0005, 0.003)
                if not important:
                    tested = (rng.uniform(0.05, 1), rng.uniform(0.2, 1))
                values = (effect, *interval, *tested, important)
                rows.append((patch_type, direction, *head, *values))
    columns = "patch_type direction layer head effect ci_low ci_high p_value q_value"
    return made("effects", f"{columns} important", rows, n_pairs=120)


def synthetic_effects_by_position() -> pd.DataFrame:
    """effects_by_position.csv: nothing at IO, planted heads at S2 or END."""
    effects = synthetic_effects()
    parts = []
    for position, share in (("IO", 0.0), ("S2", 0.3), ("END", 0.7)):
        part = effects.assign(position=position)
        for column in ("effect", "ci_low", "ci_high"):
            part[column] = share * effects[column]
        part["important"] = effects["important"] * int(share > 0)
        parts.append(part)
    keys = ["patch_type", "direction", "layer", "head"]
    table = pd.concat(parts).sort_values(keys, kind="stable")
    return complete("effects_by_position", table)


def synthetic_chosen_heads() -> pd.DataFrame:
    """chosen_heads.csv: the planted heads, one by its estimate, two at random."""
    rows = [(*head, "important", 0.3) for head in PLANTED]
    free = [head for head in np.ndindex(SHAPE) if head not in PLANTED]
    rows += [(*free[0], "estimate", 0.015)]
    rows += [(*head, "random", 0.001) for head in free[1:3]]
    table = made("chosen_heads", "layer head reason estimate", rows)
    return table.sort_values(["layer", "head"], ignore_index=True)


def synthetic_audit() -> pd.DataFrame:
    """audit.csv: two heads drawn at random, the worst off by 0.004."""
    columns = "direction layer head effect estimate"
    rows = [
        ("denoising", 0, 1, 0.001, 0.002),
        ("denoising", 0, 2, -0.003, 0.001),
        ("noising", 0, 1, 0.002, 0.002),
        ("noising", 0, 2, 0.0, 0.001),
    ]
    return made("audit", columns, rows, patch_type="v", position="all")


def synthetic_attribution() -> pd.DataFrame:
    """attribution.csv: good in one direction, poor in the other."""
    columns = "direction pearson spearman top_shared largest_error"
    columns += " largest_error_layer largest_error_head"
    rows = [
        ("denoising", 0.912, 0.83, 0.95, 2.46, 20, 0),
        ("noising", -0.104, 0.2, 0.4, 11.3, 3, 5),
    ]
    return made("attribution", columns, rows, patch_type="output", top=20)


def synthetic_behaviour(seed: int = 1) -> pd.DataFrame:
    """behaviour.csv: 15 templates in both orders, and all together."""
    rng = np.random.default_rng(seed)
    groups = ["all"] + [f"{o}-{n:02d}" for o in ("ABBA", "BABA") for n in range(1, 16)]
    rows = []
    for group in groups:
        n_pairs, spread = (120, 0.0) if group == "all" else (4, 1.2)
        for run, sign, accuracy, probability in (
            (RUNS[0], 1, 0.95, 0.47),
            (RUNS[1], -1, 0.06, 0.02),
        ):
            for metric, mean, half in (
                ("accuracy", accuracy, 0.03),
                ("logit_diff", sign * 5.1 + rng.normal(0, spread), 0.4 + spread / 3),
                ("probability", probability, 0.02),
            ):
                interval = (mean - half, mean + half)
                rows.append((group, run, metric, mean, *interval, n_pairs))
    columns = "group run metric mean ci_low ci_high n_pairs"
    return made("behaviour", columns, rows)


def synthetic_self_check(seed: int = 3) -> pd.DataFrame:
    """self_check.csv: six heads in both directions on two pairs."""
    rng = np.random.default_rng(seed)
    rows = [
        (direction, *head, pair, rng.uniform(0, 3e-5))
        for direction in DIRECTIONS
        for head in list(PLANTED)[:6]
        for pair in (0, 1)
    ]
    columns = "direction layer head pair abs_diff"
    return made("self_check", columns, rows, patch_type="output")


def synthetic_circuit() -> pd.DataFrame:
    """circuit.csv: the circuit that the roles and the evidence outline."""
    roles, evidence = synthetic_roles.synthetic_roles(), synthetic_evidence()
    criteria = synthetic_roles.synthetic_role_criteria()
    groups = synthetic_roles.synthetic_head_groups()
    return circuit(find_task("ioi"), roles, criteria, evidence, groups)


def synthetic_models() -> pd.DataFrame:
    """models.csv: three models on two tasks."""
    return compare_models(synthetic_experiments())


def synthetic_model_roles() -> pd.DataFrame:
    """model_roles.csv: three models on two tasks."""
    return roles_in_depth(synthetic_experiments())


def synthetic_tables(patch_types: Sequence[str]) -> dict[str, Any]:
    """All tables and records of one task, by the names in the register."""
    modules = (synthetic_records, synthetic_roles, synthetic_shared)
    functions = globals().copy()
    for module in modules:
        functions |= vars(module)
    tables = {}
    for name, table in TABLES.items():
        function = functions.get(f"synthetic_{name}")
        if function is not None:
            tables[name] = function()
        elif table.file.endswith(".csv") and table.scope != Scope.BUILD:
            tables[name] = complete(name, pd.DataFrame(index=[0]))
    return tables | {"effects": synthetic_effects(patch_types=patch_types)}


def induction_tables(patch_types: Sequence[str]) -> dict[str, Any]:
    """The tables of the first task, renamed to be those of the induction task."""
    tables = synthetic_tables(patch_types)
    header, pairs = tables["pairs"]
    tables["pairs"] = PairsFile(
        header | {"task": "induction", "corruption": "b1_replaced"}, pairs
    )
    for name in ("evidence", "role_criteria"):
        rows = tables[name][tables[name]["criterion"].isin(OF_INDUCTION)]
        names = rows["criterion"].map(OF_INDUCTION)
        tables[name] = rows.assign(criterion=names)
    for name in ("head_groups", "group_members"):
        of_step = tables[name]["stage"] == "stage.induction_keys"
        tables[name] = tables[name][of_step].assign(corruption="unrelated")
    for name in ("role_criteria", "role_stability"):
        tables[name] = tables[name][tables[name]["role"].isin(INDUCTION_ROLES)]
    roles = tables["roles"].copy()
    other = ~roles["role"].isin(INDUCTION_ROLES)
    roles.loc[other, ["role", "missing"]] = [UNDECIDED, "induction: path.logits"]
    roles.loc[other, "probability"] = np.nan
    behaviour = tables["behaviour"]
    group = behaviour["group"].replace({"ABBA": "words", "BABA": "text"}, regex=True)
    return tables | {"roles": roles, "behaviour": behaviour.assign(group=group)}


def write_results(
    folder: Path,
    patch_types: Sequence[str] = ("output",),
    tables: Callable[[Sequence[str]], dict[str, Any]] = synthetic_tables,
) -> Path:
    """All result files of one task in the folder, which has no folders in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables(patch_types).items():
        path = folder / Path(TABLES[name].file).name
        if isinstance(table, pd.DataFrame):
            write_table(name, path, table)
        elif isinstance(table, PairsFile):
            path.write_text(to_lines(*table), encoding="utf-8")
        else:
            write_json(path, table)
    return folder
