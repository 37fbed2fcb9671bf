"""Numbers and tables of the comparison of several models; nothing with one model."""

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers, effect_text, flag, number_word
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    format_percent,
    join_names,
    math_mode,
)
from head_patching.reporting.select import in_circuit_order
from head_patching.reporting.tabular import interval_cell, tabular
from head_patching.reporting.tasks import TASKS
from head_patching.terms import head_name

# Quantities that are compared: key -> column.
EXTREMES = {
    "logit-diff": "logit_diff",
    "share": "denoising_share",
    "concentration": "denoising_concentration",
}


@numbers
def comparison_numbers(models: pd.DataFrame, model_roles: pd.DataFrame) -> Numbers:
    """How many models, and on each task the extremes and the roles they share."""
    names = list(dict.fromkeys(models["model"]))
    found = {
        "models/several": flag(len(names) > 1),
        "models/n": number_word(len(names)),
        "models/names": escape(join_names(names, most=len(names))),
    }
    for task in TASKS:
        rows = models[models["task"] == task]
        for key, column in EXTREMES.items():
            found |= extremes(f"models/{task}/{key}", rows, column)
        roles = model_roles[model_roles["task"] == task]
        found |= shared_roles(f"models/{task}/roles", roles, len(names))
    return found


def extremes(key: str, rows: pd.DataFrame, column: str) -> Numbers:
    """The lowest and the highest value, and which models have them."""
    found: Numbers = {}
    ranked = rows.dropna(subset=[column]).sort_values(column, kind="stable")
    for place, chosen in (("lowest", ranked.head(1)), ("highest", ranked.tail(1))):
        value, name = MISSING, MISSING
        if not chosen.empty:
            row = chosen.iloc[0]
            name, number = escape(row["model"]), row[column]
            value = effect_text(number)
            if column != EXTREMES["logit-diff"]:
                value = format_percent(number)
        found |= {f"{key}/{place}": value, f"{key}/{place}-model": name}
    return found


def shared_roles(key: str, model_roles: pd.DataFrame, n_models: int) -> Numbers:
    """The roles that every model has heads of, and those that only some have."""
    counts = model_roles.groupby("role")["model"].nunique()
    order = in_circuit_order({*counts.index})
    in_all = [role for role in order if counts[role] == n_models]
    in_some = [role for role in order if counts[role] < n_models]
    return {
        f"{key}/in-all": escape(join_names(in_all)),
        f"{key}/any-in-all": flag(in_all),
        f"{key}/in-some": escape(join_names(in_some)),
        f"{key}/any-in-some": flag(in_some),
    }


@latex_table
def models_table(models: pd.DataFrame) -> str:
    """Behaviour and important heads of every model; by task, then model as given."""
    rows, previous = [], None
    for row in models.itertuples():
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


@latex_table
def model_roles_table(models: pd.DataFrame, model_roles: pd.DataFrame) -> str:
    """Heads of every role; by task, role from the answer backwards, model as given."""
    rows, previous = [], None
    names = list(dict.fromkeys(models["model"]))
    for task, of_task in model_roles.groupby("task", sort=False):
        for role in in_circuit_order({*of_task["role"]}):
            with_role = of_task[of_task["role"] == role]
            for model in names:
                heads = with_role[with_role["model"] == model]
                shown = [head_name(h.layer, h.head) for h in heads.itertuples()]
                rows.append(
                    [
                        group_name(task, previous),
                        escape(role) if model == names[0] else "",
                        escape(model),
                        str(len(heads)),
                        format_number(heads["depth"].mean()),
                        join_names(shown) or MISSING,
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
