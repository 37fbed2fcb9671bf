"""Heads in the tables of figures: their order, their first role and their names."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from head_patching.terms import ROLES, WITHOUT_ROLE, head_name


def strongest(effects: pd.DataFrame, top: int) -> pd.DataFrame:
    """The rows of largest absolute effect; ties broken by layer, then head."""
    order = effects.assign(size=effects["effect"].abs())
    order = order.sort_values(
        ["size", "layer", "head"], ascending=[False, True, True], kind="stable"
    )
    return order.head(top).drop(columns="size")


def effect_name(row: Any) -> str:
    """The name of a row's head, marked when its effect is an estimate."""
    sign = "" if getattr(row, "confirmed", 1) else "\N{ALMOST EQUAL TO}"
    return sign + head_name(row.layer, row.head)


def role_order(roles: Iterable[str]) -> list[str]:
    """These roles, each once, in the order of legends.

    Roles that a user adds come after those that the code knows, and the entries that
    name no role come last.

    Examples
    --------
    >>> role_order(["no role", "induction", "verb mover", "name mover", "induction"])
    ['name mover', 'induction', 'verb mover', 'no role']
    """
    found = set(roles)
    added = sorted(found - {*ROLES, *WITHOUT_ROLE})
    return [role for role in (*ROLES, *added, *WITHOUT_ROLE) if role in found]


def first_roles(roles: pd.DataFrame) -> pd.DataFrame:
    """One row (layer, head, role) per head; of several roles the first in order."""
    order = {role: number for number, role in enumerate(role_order(roles["role"]))}
    ordered = roles.assign(order=roles["role"].map(order))
    ordered = ordered.sort_values(["layer", "head", "order"], kind="stable")
    return ordered.drop_duplicates(["layer", "head"])[["layer", "head", "role"]]
