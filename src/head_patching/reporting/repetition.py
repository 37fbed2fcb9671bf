"""Numbers of how well the model repeats random tokens."""

import pandas as pd

from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers, flag, number_word
from head_patching.reporting.rounding import (
    format_interval,
    format_percent,
    math_mode,
)


@numbers
def repetition_numbers(repetition: pd.DataFrame) -> Numbers:
    """Accuracy at the shortest and longest distance, after one copy and after most."""
    accuracy = repetition[repetition["metric"] == "accuracy"]
    distances, copies = sorted(set(accuracy["distance"])), max(accuracy["copies"])
    found = {
        "repetition/shortest": str(distances[0]),
        "repetition/longest": str(distances[-1]),
        "repetition/n-distances": number_word(len(distances)),
        "repetition/most-copies": number_word(int(copies)),
        "repetition/n-sequences": str(int(repetition["n_sequences"].iloc[0])),
        "repetition/several-copies": flag(copies > 1),
    }
    of_cell = accuracy.set_index(["distance", "copies"]).sort_index()
    cells = {
        "shortest-once": (distances[0], 1),
        "longest-once": (distances[-1], 1),
        "shortest-most": (distances[0], copies),
        "longest-most": (distances[-1], copies),
    }
    for name, cell in cells.items():
        found |= _accuracy(f"repetition/accuracy/{name}", of_cell.loc[cell])
    once = accuracy[accuracy["copies"] == 1]
    lowest = once.nsmallest(1, "mean").iloc[0]
    found |= _accuracy("repetition/accuracy/lowest-once", lowest)
    found["repetition/lowest-distance"] = str(int(lowest["distance"]))
    found["repetition/does-task"] = flag((once["mean"] > 0.5).all())
    more = accuracy.pivot(index="distance", columns="copies", values="mean")
    gain = (more[copies] - more[1]).mean() if copies > 1 else 0.0
    found["repetition/more-copies-help"] = flag(gain > 0)
    return found


def _accuracy(key: str, row: pd.Series) -> Numbers:
    """An accuracy in per cent and its interval."""
    low, high = 100 * row["ci_low"], 100 * row["ci_high"]
    return {
        key: format_percent(row["mean"]),
        f"{key}-interval": math_mode(format_interval(low, high, 0)),
    }
