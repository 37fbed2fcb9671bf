"""head-patching update-reference: take a build's results as the reference."""

from pathlib import Path

from head_patching.commands.verify import Reference
from head_patching.commands.whole_build import Build, read_build


def update_reference(
    results: Build = Path("results"), reference: Reference = Path("reference")
) -> None:
    """Write the values that `verify` compares with, and print which have changed."""
    import pandas as pd

    from head_patching.reporting import claims
    from head_patching.reporting.numbers import numbers_table, sourced_numbers
    from head_patching.results import write_csv, write_json

    found = read_build(results)
    keys = {
        key
        for claim in claims.read_claims(reference / "claims.yaml")
        for key in claim.keys
    }
    values = numbers_table(sourced_numbers(found))
    missing = sorted(keys - set(values["key"]))
    if missing:
        raise ValueError(f"{results} has no number {missing[0]!r}, which a claim names")
    values = values.loc[values["key"].isin(keys), ["key", "text", "exact"]]
    file = reference / "values.csv"
    before = {}
    if file.is_file():
        old = pd.read_csv(file, dtype=str, keep_default_na=False).set_index("key")
        before = (old["exact"].where(old["exact"] != "", old["text"])).to_dict()
    write_csv(file, values)
    write_csv(reference / "effects.csv", claims.effects_by_head(found))
    write_json(reference / "settings.json", found[0].provenance["settings"])
    after = dict(
        zip(
            values["key"],
            values["exact"].where(values["exact"] != "", values["text"]),
            strict=True,
        )
    )
    changed = [
        key for key in sorted({*before, *after}) if before.get(key) != after.get(key)
    ]
    for key in changed:
        print(f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}")
    print(f"{len(changed)} of {len(after)} values changed; effects are in {reference}")
