"""Made-up results beside made-up published ones: a list that is mostly right."""

from pathlib import Path

import pandas as pd

from head_patching.files.register import columns
from head_patching.files.tables import write_table
from tests.tables import complete


def synthetic_replication() -> pd.DataFrame:
    """replication.csv: without the token all but one agree, with it one does."""
    rows = []
    for bos, shift in ((0, 0.0), (1, -0.3)):
        for criterion, role, sign, published, ours in (
            ("logit_diff", "", "=", 3.56, 3.41),
            ("accuracy", "", "=", 0.993, 0.99),
            ("attention.END.IO", "name mover", "=", 0.59, 0.62),
            ("copy_score", "name mover", ">", 0.95, 0.97),
            ("copy_score", "all heads", "<", 0.2, 0.15),
            ("attention.END.S2", "S-inhibition", "=", 0.51, 0.71),
        ):
            sets = {"published": 3, "found": 2}
            if role == "all heads":
                sets = {"all": 270}
            elif not role:
                sets = {"": 0}
            for heads, n_heads in sets.items():
                value = ours + shift
                low, high = value - 0.15, value + 0.15
                allowed = {
                    "=": low <= published <= high,
                    ">": high > published,
                    "<": low < published,
                }
                rows.append(
                    (criterion, role, heads, n_heads, sign, published, "section 2",
                     bos, 1 - bos, value, low, high, int(allowed[sign]))
                )  # fmt: skip
    table = pd.DataFrame(rows, columns=columns("replication"))
    none = (table["own"] == 0) & (table["role"] == "S-inhibition")
    none &= table["heads"] == "found"
    table.loc[none, ["value", "ci_low", "ci_high", "agrees"]] = float("nan")
    table.loc[none, "n_heads"] = 0
    return table


def synthetic_role_agreement() -> pd.DataFrame:
    """role_agreement.csv: five listed heads; four found without the token, one with."""
    rows = [
        (0, 1, "name mover", 2, 2, 2, 1.0, 1.0, 1.0, 1.0, 1.0),
        (0, 1, "S-inhibition", 3, 3, 2, 0.667, 0.667, 0.663, 0.3, 0.9),
        (0, 1, "all roles", 5, 5, 4, 0.8, 0.8, 0.798, 0.61, 0.92),
        (1, 0, "name mover", 2, 1, 1, 1.0, 0.5, 0.665, 0.2, 0.9),
        (1, 0, "S-inhibition", 3, 0, 0, float("nan"), 0.0, 0.0, 0.0, 0.0),
        (1, 0, "all roles", 5, 1, 1, 1.0, 0.2, 0.33, 0.1, 0.61),
    ]
    columns = ["prepend_bos", "own", "role", "published", "found", "both"]
    columns += ["precision", "recall", "kappa", "kappa_low", "kappa_high"]
    return pd.DataFrame(rows, columns=columns)


def synthetic_role_disagreements() -> pd.DataFrame:
    """role_disagreements.csv: one head missed, which lacks one demand, one added."""
    path = ("path.name_mover_queries", "effect >=", 0.02)
    attention = ("attention.END.S2", ">=", 0.2)
    rows = [
        (0, 1, 2, 2, "S-inhibition", "published", *path, 0.001, 0),
        (0, 1, 2, 2, "S-inhibition", "published", *attention, 0.31, 1),
        (0, 1, 15, 1, "S-inhibition", "measured", *path, 0.05, 1),
        (0, 1, 15, 1, "S-inhibition", "measured", *attention, 0.42, 1),
        (1, 0, 21, 7, "name mover", "published", *attention, 0.1, 0),
    ]
    columns = ["prepend_bos", "own", "layer", "head", "role", "side", "criterion"]
    columns += ["comparison", "threshold", "value", "verdict"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(ci_low=table["value"] - 0.02, ci_high=table["value"] + 0.02)


def synthetic_published_roles() -> pd.DataFrame:
    """published_roles.csv: a role that is found, too, and one that is not."""
    rows = [("name mover", 9, 9), ("name mover", 10, 0), ("duplicate token", 0, 1)]
    table = pd.DataFrame(rows, columns=["role", "layer", "head"])
    return table.assign(section="section 3.1")


def write_replication(folder: Path) -> None:
    """The four tables, as the workflow writes them."""
    tables = {
        "published_roles": synthetic_published_roles(),
        "replication": synthetic_replication(),
        "role_agreement": synthetic_role_agreement(),
        "role_disagreements": synthetic_role_disagreements(),
    }
    for name, table in tables.items():
        write_table(name, folder / f"{name}.csv", complete(name, table))
