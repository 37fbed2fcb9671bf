"""head-patching update-reference: take a build's results as the reference."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from head_patching.commands._whole_build import Build, read_build
from head_patching.commands.verify import Reference

if TYPE_CHECKING:
    import pandas as pd


def update_reference(
    results: Build = Path("results"), reference: Reference = Path("reference")
) -> None:
    """Write the values that `verify` compares with, and print what has changed."""
    from head_patching.files.records import read_record
    from head_patching.files.writing import write_csv, write_json
    from head_patching.reporting import claims
    from head_patching.reporting.chapter import chapter_numbers, numbers_table

    tables = read_build(results)
    keys = {
        key
        for claim in claims.read_claims(reference / "claims.yaml")
        for key in claim.keys
    }
    values = numbers_table(chapter_numbers(tables))
    missing = sorted(keys - set(values["key"]))
    if missing:
        raise ValueError(f"{results} has no number {missing[0]!r}, which a claim names")
    values = values.loc[values["key"].isin(keys), ["key", "text", "exact"]]
    effects = claims.effects_by_head(tables.by_task("effects"))
    settings = tables.table("provenance")["settings"]
    old_values, old_effects, old_settings = {}, effects.head(0), {}
    if (reference / "values.csv").is_file():
        old_values = shown(claims.read_values(reference / "values.csv"))
        old_effects = claims.read_effects(reference / "effects.csv")
        old_settings = read_record(reference / "settings.json", again=claims.FROM_GIT)
    write_csv(reference / "values.csv", values)
    write_csv(reference / "effects.csv", effects)
    write_json(reference / "settings.json", settings)
    changes = [*changed(old_settings, settings), *changed(old_values, shown(values))]
    for line in changes:
        print(line)
    for task in effects["task"].unique():
        worst = claims.compare_effects(task, old_effects, effects)
        print(f"effects on {task}: largest change {worst['difference']:.2g}")
    print(f"{len(changes)} values and settings changed; all are in {reference}")


def shown(values: "pd.DataFrame") -> dict[str, str]:
    """Each number as it is compared: unrounded where it is a number, else its words."""
    exact = values["exact"].where(values["exact"] != "", values["text"])
    return dict(zip(values["key"], exact, strict=True))


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each entry that has changed."""
    return [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
