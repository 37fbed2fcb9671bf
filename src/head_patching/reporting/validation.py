"""The validation on planted models: its table and its numbers."""

from collections import Counter

import pandas as pd

from head_patching.reporting.head_numbers import Numbers, flag, number_word
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_interval,
    format_number,
    math_mode,
)
from head_patching.reporting.sources import Results
from head_patching.reporting.tabular import interval_cell, tabular

ARCHITECTURES = {"gpt2": "GPT-2", "llama": "Llama"}
FIRST_TASK = "ioi"  # the others are named in the table
NO_CIRCUIT = "all roles"  # what is left out of a model that has none
MEASURES = ("precision", "recall")
MODEL = ["architecture", "seed", "without"]


def validation_table(results: Results) -> str:
    """Precision and recall of roles at the default noise, by task and architecture.

    The task is named after the role, except the first.
    """
    shown = results.scores[results.scores["is_default"] == 1]
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
        named = [text for text in of_model["heads"].dropna() if text]
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


def validation_numbers(results: Results) -> Numbers:
    """How often roles are right, at the default noise, without noise, and at most."""
    scores, nulls = results.scores, results.null_models
    default = scores[scores["is_default"] == 1]
    silent, loudest = scores[scores["noise"] == 0], scores["noise"].max()
    analysed = nulls[nulls["refused"] == 0]
    empty = nulls[nulls["without"] == NO_CIRCUIT]
    n_empty_analysed = int((empty["refused"] == 0).sum())
    n_seeds = int(scores["n_models"].max())
    numbers = {
        "validation/circuits": f"{number_word(n_seeds)} circuit" + "s" * (n_seeds != 1),
        "validation/one-seed": flag(n_seeds == 1),
        "validation/n-noise-levels": number_word(scores["noise"].nunique()),
        "validation/n-null-models": str(len(nulls.drop_duplicates(MODEL))),
        "validation/n-tasks": number_word(scores["task"].nunique()),
        "validation/n-cases": str(len(nulls)),
        "validation/n-refused": str(int(nulls["refused"].sum())),
        "validation/n-analysed": str(len(analysed)),
        "validation/n-empty": str(len(empty)),
        "validation/any-empty": flag(len(empty) > 0),
        "validation/empty-analysed/n-words": number_word(n_empty_analysed),
        "validation/empty-analysed/found": flag(n_empty_analysed > 0),
        "validation/n-false-roles": str(int(analysed["false_roles"].sum())),
        "validation/false-roles": escape(false_roles_text(analysed)),
        "validation/any-false": flag(analysed["false_roles"].sum() > 0),
        "validation/false-roles-per-model": format_number(
            analysed["false_roles"].mean(), 2
        ),
        "validation/any-analysed": flag(len(analysed) > 0),
        "validation/silent/measured": flag(not silent.empty),
        "validation/silent/exact": flag((silent[["fp", "fn"]] == 0).all(axis=None)),
        "validation/default-noise": f"{default['noise'].max():g}",
        "validation/loudest-noise": f"{loudest:g}",
        "validation/several-noise-levels": flag(scores["noise"].nunique() > 1),
    }
    for name, chosen in (
        ("default", default), ("loudest", scores[scores["noise"] == loudest])
    ):  # fmt: skip
        for measure in MEASURES:
            # Of several that are equally low, the one that is known least well.
            order = [measure, f"{measure}_low"]
            lowest = chosen.dropna(subset=[measure]).sort_values(order).head(1)
            value = lowest[measure].iloc[0] if len(lowest) else float("nan")
            role = lowest["role"].iloc[0] if len(lowest) else MISSING
            key = f"validation/{name}/lowest-{measure}"
            numbers[key] = math_mode(format_number(value, 2))
            bounds = [
                lowest[f"{measure}_{end}"].iloc[0] if len(lowest) else float("nan")
                for end in ("low", "high")
            ]
            numbers[f"{key}-interval"] = math_mode(format_interval(*bounds, 2))
            numbers[f"{key}-role"] = escape(role)
    wrong = default[["fp", "fn"]].to_numpy()
    numbers["validation/default/exact"] = flag(not wrong.any())
    names = [
        ARCHITECTURES.get(name, name) for name in sorted(set(scores["architecture"]))
    ]
    numbers["validation/architectures"] = " and ".join(map(escape, names))
    return numbers
