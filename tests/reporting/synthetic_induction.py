"""Made-up results of the induction task, for tests: the others, renamed."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from head_patching.files.tables import read_table, write_table
from tests.reporting.synthetic import write_results

# What of the first task's evidence stands for what of the second's.
RENAMED = {
    "attention.END.IO": "attention.END.A1",
    "attention.END.S2": "attention.END.B1",
    "attention.S1+1.S1": "attention.B1.A1",
    "path.logits": "path.logits",
    "path.induction_keys": "path.induction_keys",
    "knocked_out.effect": "knocked_out.effect",
    "knocked_out.interaction": "knocked_out.interaction",
}
KEPT = ("effect.denoising.output", "direct_effect", "copy_score", "induction_score")
KEPT += ("negative_copy_score", "previous_token_score", "induction_score.25x4")
ROLES = ("induction", "previous token", "undecided", "no role")


def write_induction(folder: Path, patch_types: Sequence[str] = ("output",)) -> Path:
    """All result files of the induction task under the folder."""
    write_results(folder, patch_types)
    header, *pairs = (folder / "pairs.jsonl").read_text().splitlines()
    header = json.loads(header) | {"task": "induction", "corruption": "b1_replaced"}
    (folder / "pairs.jsonl").write_text("\n".join([json.dumps(header), *pairs]) + "\n")
    names = RENAMED | {name: name for name in KEPT}
    tables = {
        name: read_table(name, folder / f"{name}.csv")
        for name in (
            "evidence",
            "roles",
            "role_criteria",
            "behaviour",
            "role_stability",
        )
    }
    for name in ("evidence", "role_criteria"):
        rows = tables[name][tables[name]["criterion"].isin(names)]
        tables[name] = rows.assign(criterion=rows["criterion"].map(names))
    criteria = tables["role_criteria"]
    tables["role_criteria"] = criteria[criteria["role"].isin(ROLES)]
    roles = tables["roles"]
    other = ~roles["role"].isin(ROLES)
    roles.loc[other, ["role", "missing"]] = ["undecided", "induction: path.logits"]
    roles.loc[other, "probability"] = np.nan
    stable = tables["role_stability"]
    tables["role_stability"] = stable[stable["role"].isin([*ROLES, "all roles"])]
    groups = tables["behaviour"]["group"]
    tables["behaviour"]["group"] = groups.str.replace("ABBA", "words").str.replace(
        "BABA", "text"
    )
    for name, table in tables.items():
        write_table(name, folder / f"{name}.csv", table)
    return folder
