"""The circuit as found: heads with a role, their positions, and paths between them.

Nodes are the heads with a role, at the query position of the role's first attention
criterion. Edges are the effects of patching the paths from a head to the heads of
another role together, or to the logits, as `roles.paths` measures them.
"""

import pandas as pd

from head_patching.files.register import columns
from head_patching.tasks.task import Task
from head_patching.terms import WITHOUT_ROLE

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
    with_role = roles[~roles["role"].isin(WITHOUT_ROLE)]
    receivers = {"path.logits": LOGITS}
    receivers |= {step.criterion: str(step.role) for step in task.tracing.steps}
    paths = evidence[evidence["criterion"].isin(receivers)]
    edges = with_role[["layer", "head", "role"]].merge(paths, how="left")
    position = {role: acts_at(role, role_criteria) for role in set(with_role["role"])}
    order = {name: number for number, name in enumerate(task.position_names)}
    edges["position"] = edges["role"].map(position)
    edges["place"] = edges["position"].map(order)
    edges["receiver"] = edges["criterion"].map(receivers)
    ordered = edges.sort_values(["layer", "head", "role", "criterion"])
    return ordered[columns("circuit")].reset_index(drop=True)


def acts_at(role: str, role_criteria: pd.DataFrame) -> str:
    """The query position of a role's first attention criterion; END without one."""
    names = role_criteria.loc[role_criteria["role"] == role, "criterion"]
    attention = [name for name in names if name.startswith(ATTENTION)]
    return attention[0].removeprefix(ATTENTION).split(".")[0] if attention else "END"
