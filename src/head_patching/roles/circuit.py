"""The circuit as found: heads with a role, their positions, and paths between them.

Nodes are the heads with a role, at the query position of the role's first attention
criterion, and the candidates that stood for a role that no head was found to have.
Edges are effects on the heads of another role together, or on the logits: of heads that
were asked several questions, the answer on which their role rests (`roles.stages`), so
that a head whose loss others make up for has its edge; of all others the noising effect
along the path.
"""

from collections.abc import Mapping

import pandas as pd

from head_patching.files.register import columns
from head_patching.roles.questions import ALONE
from head_patching.roles.stages import stage_of
from head_patching.tasks.task import Task
from head_patching.terms import HEAD, WITHOUT_ROLE, heads_named

LOGITS = "logits"
ATTENTION = "attention."


def circuit(
    task: Task,
    roles: pd.DataFrame,
    role_criteria: pd.DataFrame,
    evidence: pd.DataFrame,
    head_groups: pd.DataFrame,
) -> pd.DataFrame:
    """One row per head with a role and per receiver that its paths were patched to.

    Parameters
    ----------
    task
        Names the steps of the trace, and positions in their order.
    roles, role_criteria, evidence, head_groups
        As `classify`, `table_of` and `group_tables` give them; `evidence` with a column
        `important`.

    Returns
    -------
    pandas.DataFrame
        Columns: layer, head, role, found (0: a candidate, that stood for the role when
        no head was found to have it), position (its name) and place (its number in the
        task's order), criterion (of the path), receiver (a role or `logits`), value (an
        effect, positive where the head helps), ci_low, ci_high, important, and the
        question that was asked: corruption, direction, silenced, patched. Values are
        empty where the path was not measured.
    """
    with_role = roles.loc[~roles["role"].isin(WITHOUT_ROLE), [*HEAD, "role"]]
    receivers = {"path.logits": LOGITS}
    receivers |= {step.criterion: str(step.role) for step in task.tracing.steps}
    edges = pd.concat(
        [
            with_role.assign(found=1).merge(edges_among(evidence, task), how="left"),
            candidates(task, head_groups),
        ],
        ignore_index=True,
    )
    position = {role: acts_at(role, role_criteria) for role in set(edges["role"])}
    order = {name: number for number, name in enumerate(task.position_names)}
    edges["position"] = edges["role"].map(position)
    edges["place"] = edges["position"].map(order)
    edges["receiver"] = edges["criterion"].map(receivers)
    texts = ["corruption", "direction", "silenced", "patched", "criterion"]
    texts.append("receiver")
    edges[texts] = edges[texts].fillna("")
    edges["important"] = edges["important"].fillna(0).astype(int)
    ordered = edges.sort_values(["layer", "head", "role", "criterion"])
    return ordered[columns("circuit")].reset_index(drop=True)


def edges_among(evidence: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row of evidence for each head and path, named by the path's criterion.

    The best answer of a head that was asked as a candidate of the stage, else the
    noising effect of its path alone.
    """
    steps = {stage_of(step.criterion): step.criterion for step in task.tracing.steps}
    asked = evidence[evidence["criterion"].isin(steps)].dropna(subset=["value"])
    asked = asked.assign(criterion=asked["criterion"].map(steps))
    paths = evidence[evidence["criterion"].isin(["path.logits", *steps.values()])]
    swept = paths.assign(
        corruption=task.tracing.corruption,
        direction="noising",
        silenced="",
        patched=ALONE,
    )
    both = pd.concat([asked, swept], ignore_index=True)
    return both.drop_duplicates([*HEAD, "criterion"])


def candidates(task: Task, head_groups: pd.DataFrame) -> pd.DataFrame:
    """The heads that stood for a role when no head was found to have it; no edges."""
    role_of: Mapping[str, str] = {
        stage_of(step.criterion): str(step.role) for step in task.tracing.steps
    }
    without = head_groups[head_groups["found"] == 0].drop_duplicates("stage")
    rows = [
        (*head, role_of[row.stage], 0)
        for row in without.itertuples()
        for head in heads_named(row.receivers)
    ]
    return pd.DataFrame(rows, columns=[*HEAD, "role", "found"])


def acts_at(role: str, role_criteria: pd.DataFrame) -> str:
    """The query position of a role's first attention criterion; END without one."""
    names = role_criteria.loc[role_criteria["role"] == role, "criterion"]
    attention = [name for name in names if name.startswith(ATTENTION)]
    return attention[0].removeprefix(ATTENTION).split(".")[0] if attention else "END"
