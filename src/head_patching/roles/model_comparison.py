"""Several models on the same tasks: behaviour, important heads, depth of the roles.

Models differ in their numbers of layers and heads. Counts of heads are therefore also
given as shares, and a layer as its relative depth: 0 is the first layer, 1 the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from head_patching.files.register import columns
from head_patching.statistics import concentration
from head_patching.terms import DIRECTIONS, NO_ROLE, UNDECIDED, WITHOUT_ROLE

METRICS = ("logit_diff", "accuracy")


@dataclass(frozen=True)
class Experiment:
    """The result tables of one model on one task, and what the model is.

    `shape` is the number of layers and of heads in each.
    """

    model: str
    shape: tuple[int, int]
    task: str
    prepend_bos: bool
    behaviour: pd.DataFrame
    effects: pd.DataFrame
    roles: pd.DataFrame


def compare_models(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """One row per task and model, in the order given; no rows without experiments.

    Columns: model, task, n_layers, n_heads (of each layer), prepend_bos, n_pairs,
    logit_diff and accuracy on clean prompts with their intervals; of output patching in
    each direction the number of important heads, their share of all heads, and the
    concentration: the share of the summed |effect| that the strongest twentieth of
    heads has; n_with_role, n_undecided.
    """
    rows = [summary(each) for each in by_task(experiments)]
    return pd.DataFrame(rows, columns=columns("models"))


def summary(experiment: Experiment) -> dict[str, Any]:
    """The row of one model on one task."""
    n_layers, n_heads = experiment.shape
    clean = experiment.behaviour.query("group == 'all' and run == 'clean'")
    clean = clean.set_index("metric")
    row: dict[str, Any] = {
        "model": experiment.model,
        "task": experiment.task,
        "n_layers": n_layers,
        "n_heads": n_heads,
        "prepend_bos": int(experiment.prepend_bos),
        "n_pairs": int(clean.loc[METRICS[0], "n_pairs"]),
    }
    for metric in METRICS:
        found = clean.loc[metric]
        row |= {metric: found["mean"], f"{metric}_low": found["ci_low"]}
        row[f"{metric}_high"] = found["ci_high"]
    output = experiment.effects.query("patch_type == 'output'")
    for direction in DIRECTIONS:
        effects = output[output["direction"] == direction]
        important = int(effects["important"].sum())
        row |= {
            f"{direction}_important": important,
            f"{direction}_share": important / (n_layers * n_heads),
            f"{direction}_concentration": concentration(effects["effect"].to_numpy()),
        }
    heads = experiment.roles.drop_duplicates(["layer", "head"])
    without = heads["role"].isin(WITHOUT_ROLE)
    row["n_with_role"] = int((~without).sum())
    row["n_undecided"] = int((heads["role"] == UNDECIDED).sum())
    return row


def roles_in_depth(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """One row per head with a role, and per undecided head.

    Columns: model, task, layer, head, role, depth (0 to 1), probability of the role
    under resampling, effect (denoising, of the output). By task and model as given,
    then layer and head.
    """
    tables = []
    for each in by_task(experiments):
        kept = each.roles[each.roles["role"] != NO_ROLE]
        output = each.effects.query(
            "patch_type == 'output' and direction == 'denoising'"
        )
        table = kept.merge(output[["layer", "head", "effect"]], "left")
        last = max(each.shape[0] - 1, 1)
        table = table.assign(
            model=each.model, task=each.task, depth=table["layer"] / last
        )
        tables.append(table.sort_values(["layer", "head"], kind="stable"))
    some = [table[columns("model_roles")] for table in tables if not table.empty]
    return pd.concat(some) if some else pd.DataFrame(columns=columns("model_roles"))


def by_task(experiments: Sequence[Experiment]) -> list[Experiment]:
    """The experiments, those of the task named first before those of the next."""
    tasks = list(dict.fromkeys(each.task for each in experiments))
    return sorted(experiments, key=lambda each: tasks.index(each.task))
