"""head-patching summarise-effects: from patched logit_diffs to effects of heads."""

from head_patching.commands._options import (
    Level,
    Out,
    Patched,
    Rate,
    Resamples,
    Seed,
    SignFlips,
    Threshold,
)


def summarise_effects(
    patched: Patched,
    threshold: Threshold,
    false_discovery_rate: Rate,
    resamples: Resamples,
    sign_flips: SignFlips,
    seed: Seed,
    out: Out,
    level: Level = 0.95,
) -> None:
    """Write the effect of every head, with its interval and whether it is important."""
    from head_patching.files.datasets import PATCHED, read_dataset
    from head_patching.files.writing import write_table
    from head_patching.patching.effects import Importance, effects_table
    from head_patching.statistics import Statistics

    table = effects_table(
        [read_dataset(path, PATCHED) for path in patched],
        Statistics(resamples, sign_flips, seed, level),
        Importance(threshold, false_discovery_rate),
    )
    name = "effects_by_position" if "position" in table else "effects"
    write_table(name, out, table)
