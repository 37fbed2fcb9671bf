"""Numbers and tables of the comparison of several models; nothing with one model."""

import pandas as pd

from head_patching.reporting.head_numbers import Numbers, flag, number_word
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    format_percent,
    head_name,
    join_names,
    math_mode,
)
from head_patching.reporting.sources import ROLES, UNDECIDED, Results
from head_patching.reporting.tabular import interval_cell, tabular

TASKS = ("ioi", "induction")
# What is compared: key -> column, and how it is printed.
EXTREMES = {
    "logit-diff": "logit_diff",
    "share": "denoising_share",
    "concentration": "denoising_concentration",
}


def comparison_numbers(results: Results) -> Numbers:
    """How many models, and on each task the extremes and the roles they share."""
    table = results.models
    names = list(dict.fromkeys(table["model"]))
    numbers = {
        "models/several": flag(len(names) > 1),
        "models/n": number_word(len(names)),
        "models/names": escape(join_names(names, most=len(names))),
    }
    for task in TASKS:
        rows = table[table["task"] == task]
        for key, column in EXTREMES.items():
            numbers |= extremes(f"models/{task}/{key}", rows, column)
        numbers |= shared_roles(f"models/{task}/roles", results, task)
    return numbers


def extremes(key: str, rows: pd.DataFrame, column: str) -> Numbers:
    """The lowest and the highest value, and which models have them."""
    numbers: Numbers = {}
    ranked = rows.dropna(subset=[column]).sort_values(column, kind="stable")
    for place, chosen in (("lowest", ranked.head(1)), ("highest", ranked.tail(1))):
        value, name = MISSING, MISSING
        if not chosen.empty:
            row = chosen.iloc[0]
            name, number = escape(row["model"]), row[column]
            value = math_mode(format_number(number, 2, sign=True))
            if column != EXTREMES["logit-diff"]:
                value = format_percent(number)
        numbers |= {f"{key}/{place}": value, f"{key}/{place}-model": name}
    return numbers


def shared_roles(key: str, results: Results, task: str) -> Numbers:
    """The roles that every model has heads of, and those that only some have."""
    n_models = results.models["model"].nunique()
    table = results.model_roles
    held = table[(table["task"] == task) & (table["role"] != UNDECIDED)]
    counts = held.groupby("role")["model"].nunique()
    order = [*(r for r in ROLES if r in counts), *sorted(set(counts.index) - {*ROLES})]
    in_all = [role for role in order if counts[role] == n_models]
    in_some = [role for role in order if counts[role] < n_models]
    return {
        f"{key}/in-all": escape(join_names(in_all)),
        f"{key}/any-in-all": flag(in_all),
        f"{key}/in-some": escape(join_names(in_some)),
        f"{key}/any-in-some": flag(in_some),
    }


def models_table(results: Results) -> str:
    """Behaviour and important heads of every model; by task, then model as given."""
    rows, previous = [], None
    for row in results.models.itertuples():
        rows.append(
            [
                group_name(row.task, previous),
                escape(row.model),
                rf"${row.n_layers} \times {row.n_heads}$",
                math_mode(format_number(row.logit_diff, 2, sign=True)),
                interval_cell(row.logit_diff_low, row.logit_diff_high, 2, sign=True),
                format_number(row.accuracy),
                *important_cells(row, "denoising"),
                *important_cells(row, "noising"),
            ]
        )
        previous = row.task
    columns = ["Task", "Model", "Heads", "Logit diff.", "interval", "Acc."]
    columns += ["Denoising", "conc.", "Noising", "conc. "]
    if not rows:
        rows = [["none", *[MISSING] * (len(columns) - 1)]]
    wide = r">{\raggedright\arraybackslash}p{2.6cm}"
    form = rf"@{{}}l{wide}rr@{{\hspace{{0.4em}}}}lrrrrr@{{}}"
    return tabular(pd.DataFrame(rows, columns=columns), form)


def important_cells(row: object, direction: str) -> list[str]:
    """Important heads with their share in brackets, and the concentration."""
    share = format_percent(getattr(row, f"{direction}_share"))
    return [
        rf"{getattr(row, f'{direction}_important')} ({share}\,\%)",
        format_number(getattr(row, f"{direction}_concentration")),
    ]


def model_roles_table(results: Results) -> str:
    """Heads of every role; by task, role from the answer backwards, model as given."""
    table, rows, previous = results.model_roles, [], None
    models = list(dict.fromkeys(results.models["model"]))
    for task in dict.fromkeys(table["task"]):
        of_task = table[table["task"] == task]
        found = set(of_task["role"]) - {*ROLES, UNDECIDED}
        for role in (*ROLES, *sorted(found)):
            held = of_task[of_task["role"] == role]
            for model in models if len(held) else ():
                heads = held[held["model"] == model]
                names = [head_name(h.layer, h.head) for h in heads.itertuples()]
                rows.append(
                    [
                        group_name(task, previous),
                        escape(role) if model == models[0] else "",
                        escape(model),
                        str(len(heads)),
                        format_number(heads["depth"].mean()),
                        join_names(names) or MISSING,
                    ]
                )
                previous = task
    columns = ["Task", "Role", "Model", "Heads", "Depth", "Which"]
    if not rows:
        rows = [["none", *[MISSING] * (len(columns) - 1)]]
    wide = r">{\raggedright\arraybackslash}p{%scm}"
    form = f"@{{}}ll{wide % 2.6}rr{wide % 4.6}@{{}}"
    return tabular(pd.DataFrame(rows, columns=columns), form)


def group_name(task: str, previous: str | None) -> str:
    """The task's name where its rows begin, with some space above the later ones."""
    if task == previous:
        return ""
    return escape(task) if previous is None else rf"\addlinespace[2pt] {escape(task)}"
