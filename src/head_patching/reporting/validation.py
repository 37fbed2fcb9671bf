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
from head_patching.terms import NO_CIRCUIT, SHARED

ARCHITECTURES = {"gpt2": "GPT-2", "llama": "Llama"}
FIRST_TASK = "ioi"  # the others are named in the table
MEASURES = ("recall", "precision")
MODEL = ["architecture", "seed", "without"]


def redundancies(scores: pd.DataFrame) -> list[str]:
    """The redundancies that were scored: shared jobs, then the numbers.

    Examples
    --------
    >>> redundancies(pd.DataFrame({"redundancy": ["2", "1", "shared", "2"]}))
    ['shared', '1', '2']
    """
    return sorted({*scores["redundancy"]}, key=lambda name: (name != SHARED, name))


def at_default(scores: pd.DataFrame, *, shared: bool) -> pd.DataFrame:
    """The scores at the default noise, of shared jobs or of redundant heads."""
    is_kind = (scores["redundancy"] == SHARED) == shared
    return scores[is_kind & (scores["is_default"] == 1)]


@latex_table
def validation_table(pooled_scores: pd.DataFrame) -> str:
    """Precision and recall of roles at the default noise, by task and redundancy.

    The task is named after the role, except the first.
    """
    shown = pooled_scores[pooled_scores["is_default"] == 1]
    rows = []
    for (task, role), of_role in shown.groupby(["task", "role"], sort=False):
        heading = role if task == FIRST_TASK else f"{role} ({task})"
        by_kind = of_role.set_index("redundancy", drop=False)
        for number, kind in enumerate(redundancies(of_role)):
            row = by_kind.loc[kind]
            cells = [
                f"{format_number(row[m], 2)} "
                + interval_cell(row[f"{m}_low"], row[f"{m}_high"], 2)
                for m in MEASURES
            ]
            counts = [row["tp"] + row["fn"], row["tp"], row["fp"]]
            rows.append(
                [
                    escape(heading) if number == 0 else "",
                    kind,
                    *map(str, counts),
                    *cells,
                ]
            )
    columns = ["Role", "Redundancy", "Planted", "Right", "Wrong"]
    columns += ["Recall", "Precision"]
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
def validation_numbers(scores: pd.DataFrame, pooled_scores: pd.DataFrame) -> Numbers:
    """How often roles are right, at the default noise, without noise, and at most."""
    default, loudest = at_default(scores, shared=True), scores["noise"].max()
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
    noisy = pooled_scores[pooled_scores["noise"] == loudest]
    redundant = at_default(pooled_scores, shared=False)
    for name, chosen in (
        ("default", default),
        ("loudest", noisy[noisy["redundancy"] == SHARED]),
        ("redundant", redundant),
        ("loudest-redundant", noisy[noisy["redundancy"] != SHARED]),
    ):
        for measure in MEASURES:
            found |= _lowest_numbers(f"validation/{name}", chosen, measure)
    key, louder = "validation/loudest-redundant/measured", noisy["redundancy"] != SHARED
    return found | _redundant_numbers(redundant) | {key: flag(louder.any())}


def _redundant_numbers(redundant: pd.DataFrame) -> Numbers:
    """Which redundancies were planted, and whether all of their heads were found."""
    named = redundancies(redundant)
    return {
        "validation/redundant/measured": flag(bool(named)),
        "validation/redundant/kinds": str(join_names(named)),
        "validation/redundant/exact": flag(
            bool(named) and (redundant[["fp", "fn"]] == 0).all(axis=None)
        ),
    }


@numbers
def decoy_numbers(decoys: pd.DataFrame) -> Numbers:
    """How many heads that only look as if they had a role were given one."""
    n_decoys, n_named = int(decoys["n_decoys"].sum()), int(decoys["with_role"].sum())
    return {
        "validation/decoys/planted": flag(n_decoys > 0),
        "validation/decoys/n": str(n_decoys),
        "validation/decoys/named/n-words": number_word(n_named),
        "validation/decoys/named/found": flag(n_named > 0),
        "validation/decoys/named/one": flag(n_named == 1),
    }


def _lowest_numbers(key: str, scores: pd.DataFrame, measure: str) -> Numbers:
    """The lowest precision or recall, its interval, and of which role it is."""
    # Of several that are equally low, the one that is known least well.
    columns = [measure, f"{measure}_low", f"{measure}_high"]
    lowest = scores.dropna(subset=[measure]).sort_values(columns[:2]).head(1)
    role, bounds, kind = MISSING, [float("nan")] * 3, MISSING
    if len(lowest):
        role, kind = lowest[["role", "redundancy"]].iloc[0]
        bounds = lowest[columns].iloc[0].tolist()
    value, low, high = bounds
    return {
        f"{key}/lowest-{measure}": math_mode(format_number(value, 2)),
        f"{key}/lowest-{measure}-interval": math_mode(format_interval(low, high, 2)),
        f"{key}/lowest-{measure}-role": escape(role),
        f"{key}/lowest-{measure}-redundancy": escape(kind),
    }


@numbers
def null_model_numbers(null_models: pd.DataFrame) -> Numbers:
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
