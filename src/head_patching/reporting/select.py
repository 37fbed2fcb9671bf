"""Rows of a table that several numbers and LaTeX tables need, ranked or grouped."""

import pandas as pd

from head_patching.reporting.keys import pairs_of
from head_patching.terms import HEAD, ROLES, has_role


def ranked(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows by the size of a column, largest first; ties by layer, then head."""
    by_size = rows.assign(size=rows[column].abs()).sort_values(
        ["size", *HEAD], ascending=[False, True, True], kind="stable"
    )
    return by_size.drop(columns="size")


def effects_of(
    effects: pd.DataFrame, direction: str, patch_type: str = "output"
) -> pd.DataFrame:
    """Effects of one direction and patch type, largest absolute effect first."""
    chosen = (effects["direction"] == direction) & (effects["patch_type"] == patch_type)
    return ranked(effects[chosen], "effect")


def exact(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects that were patched; estimates are left out."""
    return effects[effects["confirmed"] == 1]


def evidence_of(evidence: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """The values of one criterion, largest absolute value first.

    A head on which the criterion was not measured has no row.
    """
    rows = evidence[evidence["criterion"] == criterion].dropna(subset=["value"])
    return ranked(rows, "value")


def heads_by_strength(effects: pd.DataFrame) -> list[tuple[int, int]]:
    """All heads by |denoising effect| of the output, then layer, then head."""
    return pairs_of(effects_of(effects, "denoising"))


def in_circuit_order(roles: set[str]) -> list[str]:
    """Roles from the answer backwards through the circuit, then others by name.

    Examples
    --------
    >>> in_circuit_order({"verb mover", "undecided", "induction", "name mover"})
    ['name mover', 'induction', 'verb mover']
    """
    known = [role for role in ROLES if role in roles]
    return known + sorted(role for role in roles - {*ROLES} if has_role(role))


def role_names(roles: pd.DataFrame, role_criteria: pd.DataFrame) -> list[str]:
    """The roles that were tested or given, in circuit order."""
    return in_circuit_order({*roles["role"], *role_criteria["role"]})


def roles_by_head(roles: pd.DataFrame) -> dict[tuple[int, int], list[str]]:
    """The roles of every head, in circuit order."""
    order = {role: n for n, role in enumerate(in_circuit_order({*roles["role"]}))}
    by_head: dict[tuple[int, int], list[str]] = {}
    for row in roles.itertuples():
        by_head.setdefault((row.layer, row.head), []).append(row.role)
    return {
        head: sorted(own_roles, key=lambda role: order.get(role, len(order)))
        for head, own_roles in by_head.items()
    }
