"""The validation on planted models: its table and its numbers."""

from collections import Counter

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers, flag, number_word
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_interval,
    format_number,
    join_names,
    math_mode,
)
from head_patching.reporting.tabular import interval_cell, tabular
from head_patching.terms import NO_CIRCUIT

ARCHITECTURES = {"gpt2": "GPT-2", "llama": "Llama"}
FIRST_TASK = "ioi"  # the others are named in the table
MEASURES = ("precision", "recall")
MODEL = ["architecture", "seed", "without"]


@latex_table
def validation_table(scores: pd.DataFrame) -> str:
    """Precision and recall of roles at the default noise, by task and architecture.

    The task is named after the role, except the first.
    """
    shown = scores[scores["is_default"] == 1]
    rows = []
    for (task, role), of_role in shown.groupby(["task", "role"], sort=False):
        heading = role if task == FIRST_TASK else f"{role} ({task})"
        for number, row in enumerate(of_role.itertuples()):
            name = ARCHITECTURES.get(row.architecture, escape(row.architecture))
            cells = [
                f"{format_number(getattr(row, m), 2)} "
                + interval_cell(getattr(row, f"{m}_low"), getattr(row, f"{m}_high"), 2)
                for m in MEASURES
            ]
            planted = row.tp + row.fn
            rows.append(
                [escape(heading) if number == 0 else "", name, str(planted)]
                + [str(row.tp), str(row.fp), *cells]
            )
    columns = ["Role", "Architecture", "Planted", "Right", "Wrong"]
    columns += ["Precision", "Recall"]
    return tabular(pd.DataFrame(rows, columns=columns), "@{}llrrrll@{}")


def false_roles_text(cases: pd.DataFrame) -> str:
    """Which roles nobody planted were found, how often, and in models without what.

    Examples
    --------
    >>> heads = ["L7H5 name mover, L7H6 name mover", "L1H2 induction", ""]
    >>> without = ["name mover", "name mover", "induction"]
    >>> false_roles_text(pd.DataFrame({"without": without, "heads": heads}))
    'two times name mover and one time induction in models without name mover'
    """
    shown = []
    for without, of_model in cases.groupby("without"):
        named = [text for text in of_model["heads"] if text]
        found = Counter(
            head.partition(" ")[2] for text in named for head in text.split(", ")
        )
        times = [
            f"{number_word(count)} time{'s' * (count > 1)} {role}"
            for role, count in found.items()
        ]
        if times:
            lacking = "any circuit" if without == NO_CIRCUIT else without
            shown.append(f"{' and '.join(times)} in models without {lacking}")
    return "; ".join(shown)


def circuits_text(n_models: pd.Series) -> str:
    """How many circuits were planted, as a range if the numbers differ.

    Examples
    --------
    >>> circuits_text(pd.Series([3, 3])), circuits_text(pd.Series([1]))
    ('three circuits', 'one circuit')
    >>> circuits_text(pd.Series([3, 5]))
    'three to five circuits'
    """
    if n_models.empty:
        return MISSING
    fewest, most = int(n_models.min()), int(n_models.max())
    numbers = " to ".join(number_word(number) for number in sorted({fewest, most}))
    return f"{numbers} circuit{'s' * (most != 1)}"


def levels_text(scores: pd.DataFrame) -> str:
    """At which levels of noise every task is put to the models.

    Examples
    --------
    >>> noise, default = [0.0, 0.1, 0.2, 0.0, 0.1], [0, 1, 0, 0, 1]
    >>> task = ["ioi", "ioi", "ioi", "induction", "induction"]
    >>> levels_text(pd.DataFrame({"noise": noise, "is_default": default, "task": task}))
    'without noise and at the default level'
    """
    n_tasks = scores.groupby("noise")["task"].nunique()
    levels = n_tasks.index[n_tasks == n_tasks.max()]
    if len(n_tasks) == 1:
        return "as well"
    if len(levels) == len(n_tasks):
        return "at every level"
    default = set(scores[scores["is_default"] == 1]["noise"])
    names = {0.0: "without noise"} | dict.fromkeys(default, "at the default level")
    named = [names.get(noise, f"at a noise of {noise:g}") for noise in levels]
    return str(join_names(named))


@numbers
def validation_numbers(scores: pd.DataFrame, null_models: pd.DataFrame) -> Numbers:
    """How often roles are right, at the default noise, without noise, and at most."""
    default, loudest = scores[scores["is_default"] == 1], scores["noise"].max()
    others = scores[scores["is_default"] == 0]
    silent = scores[scores["noise"] == 0]
    n_others = others["noise"].nunique()
    names = [
        ARCHITECTURES.get(name, name) for name in sorted(set(scores["architecture"]))
    ]
    found = {
        "validation/circuits": circuits_text(default["n_models"]),
        "validation/one-seed": flag((default["n_models"] == 1).all()),
        "validation/curve-circuits": circuits_text(others["n_models"]),
        "validation/other-levels": f"each of {number_word(n_others)} other levels"
        if n_others > 1
        else "one other level",
        "validation/several-noise-levels": flag(n_others > 0),
        "validation/several-tasks": flag(scores["task"].nunique() > 1),
        "validation/levels-of-all-tasks": levels_text(scores),
        "validation/silent/measured": flag(not silent.empty),
        "validation/silent/exact": flag((silent[["fp", "fn"]] == 0).all(axis=None)),
        "validation/default-noise": f"{default['noise'].max():g}",
        "validation/default/exact": flag((default[["fp", "fn"]] == 0).all(axis=None)),
        "validation/loudest-noise": f"{loudest:g}",
        "validation/architectures": " and ".join(map(escape, names)),
    }
    for name, chosen in (
        ("default", default),
        ("loudest", scores[scores["noise"] == loudest]),
    ):
        for measure in MEASURES:
            found |= _lowest_numbers(f"validation/{name}", chosen, measure)
    return found | _null_numbers(null_models)


def _lowest_numbers(key: str, scores: pd.DataFrame, measure: str) -> Numbers:
    """The lowest precision or recall, its interval, and of which role it is."""
    # Of several that are equally low, the one that is known least well.
    columns = [measure, f"{measure}_low", f"{measure}_high"]
    lowest = scores.dropna(subset=[measure]).sort_values(columns[:2]).head(1)
    role, bounds = MISSING, [float("nan")] * 3
    if len(lowest):
        role, bounds = lowest["role"].iloc[0], lowest[columns].iloc[0].tolist()
    value, low, high = bounds
    return {
        f"{key}/lowest-{measure}": math_mode(format_number(value, 2)),
        f"{key}/lowest-{measure}-interval": math_mode(format_interval(low, high, 2)),
        f"{key}/lowest-{measure}-role": escape(role),
    }


def _null_numbers(null_models: pd.DataFrame) -> Numbers:
    """How often a role is found in models without its circuit."""
    analysed = null_models[null_models["refused"] == 0]
    empty = null_models[null_models["without"] == NO_CIRCUIT]
    n_empty_analysed = int((empty["refused"] == 0).sum())
    false_roles = analysed["false_roles"]
    models = null_models.drop_duplicates(MODEL)
    left_out = models[models["without"] != NO_CIRCUIT]["without"].value_counts()
    number, plural = number_word(len(models)), "s" * (len(models) != 1)
    return {
        "validation/null-models": f"{number} model{plural}",
        "validation/one-null-model": flag(len(models) == 1),
        "validation/any-left-out": flag(len(left_out)),
        "validation/left-out-circuits": circuits_text(left_out),
        "validation/n-cases": str(len(null_models)),
        "validation/n-refused": str(int(null_models["refused"].sum())),
        "validation/n-analysed": str(len(analysed)),
        "validation/any-analysed": flag(len(analysed) > 0),
        "validation/n-empty": str(len(empty)),
        "validation/any-empty": flag(len(empty) > 0),
        "validation/empty-analysed/n-words": number_word(n_empty_analysed),
        "validation/empty-analysed/found": flag(n_empty_analysed > 0),
        "validation/n-false-roles": str(int(false_roles.sum())),
        "validation/n-backups": str(int(analysed["backups"].sum())),
        "validation/false-roles": escape(false_roles_text(analysed)),
        "validation/any-false": flag(false_roles.sum() > 0),
        "validation/false-roles-per-model": format_number(false_roles.mean(), 2),
    }
