"""Whether the model does the task: logit difference, accuracy and probability."""

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers, effect_text, flag, slug
from head_patching.reporting.rounding import (
    format_interval,
    format_number,
    format_percent,
    math_mode,
)
from head_patching.reporting.tabular import INTERVAL, interval_cell, tabular
from head_patching.terms import RUNS

METRICS = ("logit_diff", "accuracy", "probability")


@numbers
def behaviour_numbers(behaviour: pd.DataFrame) -> Numbers:
    """Each metric of both runs over all pairs; the logit difference by template."""
    table = behaviour.set_index(["group", "run", "metric"])
    found: Numbers = {}
    for run in RUNS:
        for metric in METRICS:
            row = table.loc[("all", run, metric)]
            found |= _metric_numbers(f"behaviour/{run}-{slug(metric)}", metric, row)
    clean = table.loc[("all", "clean", "logit_diff")]
    corrupt = table.loc[("all", "corrupt", "logit_diff")]
    found["behaviour/does-task"] = flag(clean["ci_low"] > 0)
    found["behaviour/corrupt-reversed"] = flag(corrupt["ci_high"] < 0)
    difference = format_number(clean["mean"] - corrupt["mean"], 2)
    found["behaviour/difference"] = math_mode(difference)
    of_groups = behaviour.query(
        "group != 'all' and run == 'clean' and metric == 'logit_diff'"
    )
    if not of_groups.empty:
        low, high = of_groups["mean"].min(), of_groups["mean"].max()
        found["behaviour/lowest-group"] = effect_text(low)
        found["behaviour/highest-group"] = effect_text(high)
        found["behaviour/every-group-positive"] = flag(low > 0)
    return found


def _metric_numbers(key: str, metric: str, row: pd.Series) -> Numbers:
    """One metric with its interval: a logit difference, or else a share in per cent."""
    if metric == "logit_diff":
        value = effect_text(row["mean"])
        interval = format_interval(row["ci_low"], row["ci_high"], 2, sign=True)
    else:
        value = format_percent(row["mean"])
        interval = format_interval(100 * row["ci_low"], 100 * row["ci_high"], 0)
    return {key: value, f"{key}-interval": math_mode(interval)}


@latex_table
def behaviour_table(behaviour: pd.DataFrame) -> str:
    """Clean and corrupt behaviour over all pairs, each metric with its interval."""
    overall = behaviour[behaviour["group"] == "all"].set_index(["run", "metric"])
    rows = []
    for run in RUNS:
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
