"""The circuit as found: heads with a role, where they act, and what they feed.

Nodes are the heads with a role, at the position from which the role's first attention
criterion looks. Edges are the effects of patching the paths from a head to the heads of
another role together, or to the logits, as `roles.paths` measures them.
"""

import pandas as pd

from head_patching.files.register import columns
from head_patching.roles.classify import NO_ROLE, UNDECIDED
from head_patching.tasks.task import Task

LOGITS = "logits"
ATTENTION = "attention."


def circuit(
    task: Task,
    roles: pd.DataFrame,
    role_criteria: pd.DataFrame,
    evidence: pd.DataFrame,
) -> pd.DataFrame:
    """One row per head with a role and per receiver that its paths were patched to.

    Parameters
    ----------
    roles, role_criteria, evidence
        As `classify` and `table_of` give them, the last with a column `important`.

    Returns
    -------
    pandas.DataFrame
        Columns: layer, head, role, position (its name) and place (its number in the
        task's order), receiver (a role or `logits`), value (effect of the path in
        noising: positive where the head helps), ci_low, ci_high, important. Values are
        empty where the path was not measured.
    """
    held = roles[~roles["role"].isin([NO_ROLE, UNDECIDED])]
    receivers = {"path.logits": LOGITS}
    receivers |= {step.criterion: step.role for step in task.tracing.steps}
    paths = evidence[evidence["criterion"].isin(receivers)]
    edges = held[["layer", "head", "role"]].merge(paths, how="left")
    position = {role: acts_at(role, role_criteria) for role in set(held["role"])}
    order = {name: number for number, name in enumerate(task.position_names)}
    edges["position"] = edges["role"].map(position)
    edges["place"] = edges["position"].map(order)
    edges["receiver"] = edges["criterion"].map(receivers)
    ordered = edges.sort_values(["layer", "head", "role", "criterion"])
    return ordered[columns("circuit")].reset_index(drop=True)


def acts_at(role: str, role_criteria: pd.DataFrame) -> str:
    """The position a role's heads look from, END if attention is not asked for."""
    asked = role_criteria.loc[role_criteria["role"] == role, "criterion"]
    looking = [name for name in asked if name.startswith(ATTENTION)]
    return looking[0].removeprefix(ATTENTION).split(".")[0] if looking else "END"
