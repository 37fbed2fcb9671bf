"""The result files that tables and numbers are made from, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from head_patching.files.columns import COLUMNS, HEAD
from head_patching.files.pairs_file import read_records
from head_patching.files.recorded import require_recorded
from head_patching.files.records import read_record
from head_patching.files.tables import read_csv

# The roles that the text speaks of, in the order in which they are listed: that of the
# circuit, from the answer backwards. Other roles in the results are listed after them.
ROLES = (
    "name mover",
    "backup name mover",
    "negative name mover",
    "copy suppression of S",
    "S-inhibition",
    "induction",
    "duplicate token",
    "previous token",
)
UNDECIDED = "undecided"
NO_ROLE = "no role"

# A task without criteria has no verdicts, one task alone nothing to share; without null
# models there are no false roles. Heads need not compose, nor anything be published.
MAY_BE_EMPTY = ("null_models", "overlap", "role_criteria", "composition_edges")
MAY_BE_EMPTY += ("published_heads", "replication", "role_agreement")
MAY_BE_EMPTY += ("role_disagreements", "models", "model_roles")


@dataclass(frozen=True)
class Results:
    """Everything measured on one model, task and corruption, and on the model as such.

    `scores` and `null_models` are the validation on planted models.
    """

    attribution: pd.DataFrame
    behaviour: pd.DataFrame
    effects: pd.DataFrame
    effects_by_position: pd.DataFrame
    evidence: pd.DataFrame
    roles: pd.DataFrame
    role_criteria: pd.DataFrame
    role_stability: pd.DataFrame
    scores: pd.DataFrame
    null_models: pd.DataFrame
    overlap: pd.DataFrame
    repetition: pd.DataFrame
    weights: pd.DataFrame
    weight_agreement: pd.DataFrame
    weight_pairs: pd.DataFrame
    composition_edges: pd.DataFrame
    published_heads: pd.DataFrame
    published_roles: pd.DataFrame
    replication: pd.DataFrame
    role_agreement: pd.DataFrame
    role_disagreements: pd.DataFrame
    models: pd.DataFrame
    model_roles: pd.DataFrame
    self_check: pd.DataFrame
    self_check_summary: Mapping[str, Any]
    pairs: tuple[Mapping[str, Any], ...]
    pairs_header: Mapping[str, Any]
    model: Mapping[str, Any]
    provenance: Mapping[str, Any]
    paths: Mapping[str, str]  # where each of these was read

    @property
    def task(self) -> str:
        """The task's name, with which the keys of its numbers begin."""
        return self.pairs_header["task"]

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles that were tested or given: as in `ROLES`, then others by name."""
        found = {*self.roles["role"], *self.role_criteria["role"]}
        known = [role for role in ROLES if role in found]
        return (*known, *sorted(found - {*ROLES, UNDECIDED, NO_ROLE}))

    def effects_of(
        self, direction: str, patch_type: str = "output", *, rows: int | None = None
    ) -> pd.DataFrame:
        """Effects of one direction and patch type, largest absolute effect first.

        Ties are broken by layer, then head.
        """
        chosen = self.effects[
            (self.effects["direction"] == direction)
            & (self.effects["patch_type"] == patch_type)
        ]
        ranked = chosen.assign(size=chosen["effect"].abs()).sort_values(
            ["size", *HEAD], ascending=[False, True, True], kind="stable"
        )
        return ranked.drop(columns="size").head(rows or len(ranked))

    def evidence_of(self, criterion: str) -> pd.DataFrame:
        """What one criterion was on every head, largest absolute value first.

        Empty where it was not measured on any head; ties by layer, then head.
        """
        rows = self.evidence[self.evidence["criterion"] == criterion]
        rows = rows.dropna(subset=["value"])
        ranked = rows.assign(size=rows["value"].abs()).sort_values(
            ["size", *HEAD], ascending=[False, True, True], kind="stable"
        )
        return ranked.drop(columns="size")

    def heads_by_strength(self) -> list[tuple[int, int]]:
        """All heads by |denoising effect| of the output, then layer, then head."""
        ranked = self.effects_of("denoising")
        return list(zip(ranked["layer"].tolist(), ranked["head"].tolist(), strict=True))

    def roles_by_head(self) -> dict[tuple[int, int], list[str]]:
        """The roles of every head, in the order of `role_names`."""
        order = {role: number for number, role in enumerate(self.role_names)}
        by_head: dict[tuple[int, int], list[str]] = {}
        for row in self.roles.itertuples():
            by_head.setdefault((row.layer, row.head), []).append(row.role)
        return {
            head: sorted(roles, key=lambda role: order.get(role, len(order)))
            for head, roles in by_head.items()
        }


def read_results(
    *,
    attribution: Path,
    behaviour: Path,
    effects: Path,
    effects_by_position: Path,
    evidence: Path,
    roles: Path,
    role_criteria: Path,
    role_stability: Path,
    scores: Path,
    null_models: Path,
    overlap: Path,
    repetition: Path,
    weights: Path,
    weight_agreement: Path,
    weight_pairs: Path,
    composition_edges: Path,
    published_heads: Path,
    published_roles: Path,
    replication: Path,
    role_agreement: Path,
    role_disagreements: Path,
    models: Path,
    model_roles: Path,
    self_check: Path,
    self_check_summary: Path,
    pairs: Path,
    model: Path,
    provenance: Path,
) -> Results:
    """The results in the files the workflow made.

    Parameters
    ----------
    model
        The prepared model's `model.json`.
    scores, null_models
        The validation on planted models.
    provenance
        What `head_patching.files.provenance.collect` gave, as JSON.

    Raises
    ------
    ValueError
        When a table lacks a column, or has no rows though it must have some.
    """
    read = {
        "attribution": attribution,
        "behaviour": behaviour,
        "effects": effects,
        "effects_by_position": effects_by_position,
        "evidence": evidence,
        "roles": roles,
        "role_criteria": role_criteria,
        "role_stability": role_stability,
        "scores": scores,
        "null_models": null_models,
        "overlap": overlap,
        "repetition": repetition,
        "weights": weights,
        "weight_agreement": weight_agreement,
        "weight_pairs": weight_pairs,
        "composition_edges": composition_edges,
        "published_heads": published_heads,
        "published_roles": published_roles,
        "replication": replication,
        "role_agreement": role_agreement,
        "role_disagreements": role_disagreements,
        "models": models,
        "model_roles": model_roles,
        "self_check": self_check,
    }
    tables = {name: _read_table(path, COLUMNS[name]) for name, path in read.items()}
    tables["roles"]["missing"] = tables["roles"]["missing"].fillna("")
    for column in ("role", "heads"):  # behaviour is that of no heads
        tables["replication"][column] = tables["replication"][column].fillna("")
    header, records = read_records(Path(pairs))
    require_recorded(pairs)
    return Results(
        **tables,
        self_check_summary=read_record(self_check_summary),
        pairs=tuple(records),
        pairs_header=header,
        model=read_record(model, ["config", "provenance"]),
        provenance=read_record(provenance),
        paths={
            name: Path(path).as_posix()
            for name, path in (
                read
                | {"self_check_summary": self_check_summary, "model": model}
                | {"pairs": pairs, "pairs_header": pairs, "provenance": provenance}
            ).items()
        },
    )


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """The CSV file, which has at least these columns and one row."""
    table = read_csv(path, columns)
    if table.empty and path.stem not in MAY_BE_EMPTY:
        raise ValueError(f"{path}: there are no rows")
    return table
