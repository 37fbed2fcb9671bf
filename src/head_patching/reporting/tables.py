"""The chapter's tables, without float, caption or label.

Each function returns the LaTeX of one table; its docstring says how rows are sorted.
Captions and labels stand in the chapter, beside the text that reads the table.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.files.writing import atomic
from head_patching.reporting.models import model_roles_table, models_table
from head_patching.reporting.path_tables import (
    knock_out_table,
    paths_table,
    signals_table,
)
from head_patching.reporting.replication_tables import (
    replication_table,
    role_agreement_table,
    role_disagreements_table,
)
from head_patching.reporting.role_tables import (
    criteria_table,
    role_evidence_table,
    roles_table,
    undecided_table,
)
from head_patching.reporting.rounding import (
    EFFECT_DIGITS,
    MISSING,
    escape,
    format_number,
    head_name,
    math_mode,
    scientific,
)
from head_patching.reporting.sources import NO_ROLE, Results
from head_patching.reporting.tabular import (
    breakable,
    cell,
    interval_cell,
    number_column,
    tabular,
)
from head_patching.reporting.validation import validation_table
from head_patching.reporting.weight_tables import weight_agreement_table, weights_table

# An interval stands close to its estimate. (pandas cuts a column format at ; and :)
INTERVAL = r"@{\hspace{0.4em}}l"
METRICS = ("logit_diff", "accuracy", "probability")
PACKAGES_SHOWN = (
    "python",
    "torch",
    "transformer-lens",
    "transformers",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "matplotlib",
    "snakemake",
)


def top_heads_table(results: Results, top: int = 15) -> str:
    """The strongest heads of output patching; by |denoising effect|, layer, head."""
    ranked = results.effects_of("denoising", rows=top)
    noising = results.effects_of("noising").set_index(HEAD)
    direct = _criterion(results, "direct_effect")
    by_head = results.roles_by_head()
    digits = EFFECT_DIGITS
    rows, numbers = [], {"denoising": [], "noising": [], "direct": []}
    for row in ranked.itertuples():
        key = (row.layer, row.head)
        other = noising.loc[key] if key in noising.index else None
        values = (
            row.effect,
            other["effect"] if other is not None else float("nan"),
            direct.get(key, float("nan")),
        )
        for name, value in zip(numbers, values, strict=True):
            numbers[name].append(value)
        rows.append(
            [
                estimate_sign(row) + head_name(*key),
                escape(", ".join(by_head.get(key, [NO_ROLE]))),
                cell(values[0], digits, sign=True),
                interval_cell(row.ci_low, row.ci_high, digits, sign=True),
                cell(values[1], digits, sign=True),
                MISSING
                if other is None
                else interval_cell(
                    other["ci_low"], other["ci_high"], digits, sign=True
                ),
                cell(values[2], 2, sign=True),
            ]
        )
    columns = ["Head", "Role", "Denoising", "interval", "Noising", "interval "]
    table = pd.DataFrame(rows, columns=[*columns, "Direct"])
    formats = [
        number_column(numbers["denoising"], digits, True) + INTERVAL,
        number_column(numbers["noising"], digits, True) + INTERVAL,
        number_column(numbers["direct"], 2, True),
    ]
    role = r">{\raggedright\arraybackslash}p{3.3cm}"
    return tabular(table, "@{}l" + role + "".join(formats) + "@{}")


def estimate_sign(row: Any) -> str:
    """What stands before a head whose effect is an estimate, not confirmed exactly."""
    return "" if getattr(row, "confirmed", 1) else r"$\approx$"


def attribution_table(results: Results) -> str:
    """Estimates against exact effects; by patch type, then direction."""
    table = results.attribution.sort_values(["patch_type", "direction"])
    top = table["top"].iloc[0]
    rows = [
        [
            escape(row.patch_type),
            escape(row.direction),
            cell(row.pearson, 2, sign=True),
            cell(row.spearman, 2, sign=True),
            f"{round(row.top_shared * row.top)} of {row.top}",
            head_name(row.largest_error_layer, row.largest_error_head),
            cell(row.largest_error, 2),
        ]
        for row in table.itertuples()
    ]
    names = ["Patch type", "Direction", "Pearson", "Spearman", f"Top {top} shared"]
    shown = pd.DataFrame(rows, columns=[*names, "Worst head", "Error"])
    columns = [
        number_column(table[name], 2, sign=True) for name in ("pearson", "spearman")
    ]
    error = number_column(table["largest_error"], 2, sign=False)
    return tabular(shown, f"@{{}}ll{''.join(columns)}rl{error}@{{}}")


def behaviour_table(results: Results) -> str:
    """Clean and corrupt behaviour over all pairs, each metric with its interval."""
    overall = results.behaviour[results.behaviour["group"] == "all"]
    overall = overall.set_index(["run", "metric"])
    rows = []
    for run in ("clean", "corrupt"):
        line = [run]
        for metric in METRICS:
            found = overall.loc[(run, metric)]
            sign = metric == "logit_diff"
            bounds = found["ci_low"], found["ci_high"]
            line.append(math_mode(format_number(found["mean"], 2, sign=sign)))
            line.append(interval_cell(*bounds, 2, sign=sign))
        rows.append([*line, str(int(overall.loc[(run, METRICS[0])]["n_pairs"]))])
    names = ["Run", "Logit difference", "interval", "Accuracy", "interval "]
    table = pd.DataFrame(rows, columns=[*names, "P(answer)", "interval  ", "Pairs"])
    return tabular(table, "@{}l" + 3 * ("r" + INTERVAL) + "r@{}")


def positions_table(results: Results) -> str:
    """The strongest head at each position; by direction, then position as given."""
    effects = results.effects_by_position
    ranked = effects.assign(size=effects["effect"].abs()).sort_values(
        ["size", *HEAD], ascending=[False, True, True], kind="stable"
    )
    rows, values = [], []
    for direction in ("denoising", "noising"):
        for position in dict.fromkeys(effects["position"]):
            chosen = (ranked["direction"] == direction) & (
                ranked["position"] == position
            )
            if not chosen.any():
                continue
            strongest = next(ranked[chosen].itertuples())
            head, effect, interval = MISSING, float("nan"), MISSING
            if strongest.size > 0:
                head, effect = (
                    head_name(strongest.layer, strongest.head),
                    strongest.effect,
                )
                ends = strongest.ci_low, strongest.ci_high
                interval = interval_cell(*ends, EFFECT_DIGITS, sign=True)
            values.append(effect)
            n_important = str(int(ranked[chosen]["important"].sum()))
            shown = cell(effect, EFFECT_DIGITS, sign=True)
            names = [escape(direction), escape(position)]
            rows.append([*names, n_important, head, shown, interval])
    names = ["Direction", "Position", "Important heads", "Strongest", "Effect"]
    column = number_column(values, EFFECT_DIGITS, sign=True)
    table = pd.DataFrame(rows, columns=[*names, "interval"])
    return tabular(table, f"@{{}}llrl{column}{INTERVAL}@{{}}")


def self_check_table(results: Results) -> str:
    """The engine against the reference; a row for each patch type."""
    checked = results.self_check
    directions = sorted(checked["direction"].unique())
    rows = []
    for patch_type, of_type in checked.groupby("patch_type"):
        row = [escape(patch_type)]
        for direction in directions:
            part = of_type[of_type["direction"] == direction]
            row += [str(len(part.drop_duplicates(HEAD))), str(len(part))]
            row.append(
                math_mode(scientific(part["abs_diff"].max())) if len(part) else MISSING
            )
        rows.append(row)
    names = ["Patch type"]
    for direction in directions:
        names += [f"{direction.capitalize()}: heads", "values", "largest difference"]
    table = pd.DataFrame(rows, columns=names)
    return tabular(table, f"@{{}}l{'rrr' * len(directions)}@{{}}")


def provenance_table(results: Results) -> str:
    """Model, settings and package versions; each part by name."""
    about = results.model["provenance"]
    rows = [("model", "name", escape(about["name"]))]
    rows += [
        ("model", key, escape(about[key]))
        for key in ("source", "license", "convention")
        if about.get(key)
    ]
    if about.get("revision"):
        rows.append(("model", "commit", breakable(about["revision"])))
    rows += [
        ("model", "file", rf"{escape(name)} \newline SHA-256 {breakable(checksum)}")
        for name, checksum in sorted(about["files"].items())
    ]
    rows += [
        ("settings", escape(part or "config.yaml"), escape("; ".join(values)))
        for part, values in settings_by_part(results.provenance["settings"]).items()
    ]
    packages = results.provenance["packages"]
    shown = [name for name in PACKAGES_SHOWN if name in packages]
    versions = ", ".join(f"{name} {packages[name]}" for name in shown)
    rows.append(("software", "packages", escape(versions)))
    lines, previous = [], None
    for part, key, value in rows:
        lines.append([part if part != previous else "", key, value])
        previous = part
    table = pd.DataFrame(lines, columns=["", "Item", "Value"])
    wide = r">{\raggedright\arraybackslash}p{11.7cm}"
    return tabular(table, rf"@{{}}ll{wide}@{{}}")


def settings_by_part(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """The config's keys and values, by the part in which they stand.

    Examples
    --------
    >>> settings_by_part({"weights.edge": 6.0, "shards": 1, "weights.rotations": 9})
    {'': ['shards 1'], 'weights': ['edge 6.0', 'rotations 9']}
    """
    parts: dict[str, list[str]] = {}
    for name in sorted(settings, key=lambda name: name.rpartition(".")):
        part, _, key = name.rpartition(".")
        parts.setdefault(part, []).append(f"{key} {_plain(settings[name])}")
    return parts


Tables = Mapping[str, Callable[[Results], str]]

TASK_TABLES: Tables = {
    "attribution": attribution_table,
    "behaviour": behaviour_table,
    "criteria": criteria_table,
    "knock_out": knock_out_table,
    "paths": paths_table,
    "positions": positions_table,
    "role_evidence": role_evidence_table,
    "roles": roles_table,
    "self_check": self_check_table,
    "signals": signals_table,
    "top_heads": top_heads_table,
    "undecided": undecided_table,
    "weight_agreement": weight_agreement_table,
    "weights": weights_table,
}
SHARED_TABLES: Tables = {
    "model_roles": model_roles_table,
    "models": models_table,
    "provenance": provenance_table,
    "replication": replication_table,
    "role_agreement": role_agreement_table,
    "role_disagreements": role_disagreements_table,
    "validation": validation_table,
}


def write_tables(results: Results, tables: Tables, folder: Path) -> list[Path]:
    """Write some tables as `{name}.tex`; returns the paths."""
    written = []
    for name, table in tables.items():
        path = Path(folder) / f"{name}.tex"
        with atomic(path) as temporary:
            Path(temporary).write_text(table(results), encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _criterion(results: Results, name: str) -> dict[tuple[int, int], float]:
    """One criterion's value per head; empty when it was not measured."""
    rows = results.evidence[results.evidence["criterion"] == name]
    return {(row.layer, row.head): row.value for row in rows.itertuples()}


def _plain(value: Any) -> str:
    """A setting as text: lists without brackets, booleans as in the config."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
