"""Effects of patching heads: the strongest, how many matter, and both directions."""

from collections.abc import Iterator

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import (
    Numbers,
    counted,
    effect_text,
    flag,
    interval_text,
)
from head_patching.reporting.rounding import (
    EFFECT_DIGITS,
    MISSING,
    escape,
    format_number,
    format_percent,
    math_mode,
)
from head_patching.reporting.select import (
    effects_of,
    evidence_of,
    exact,
    roles_by_head,
)
from head_patching.reporting.tabular import (
    INTERVAL,
    cell,
    interval_cell,
    number_column,
    tabular,
)
from head_patching.statistics import concentration
from head_patching.terms import DIRECTIONS, HEAD, NO_ROLE, PATCH_TYPES, head_name

SHOWN_OF_HEAD = ("head", "effect", "interval")


@numbers
def effect_numbers(effects: pd.DataFrame) -> Numbers:
    """Top heads and counts of every direction and patch type."""
    is_output = effects["patch_type"] == "output"
    found = {
        "grid/present": flag(effects["patch_type"].nunique() > 1),
        # Of outputs, which no other table of the workflow has as estimates.
        "screening/present": flag((effects[is_output]["confirmed"] == 0).any()),
    }
    for direction in DIRECTIONS:
        output = effects_of(effects, direction)
        important = output[output["important"] == 1]
        found |= counted(f"important/{direction}", important)
        found |= counted(f"negative/{direction}", important.query("effect < 0"))
        for patch_type in PATCH_TYPES:
            key = f"{direction}/{patch_type}"
            of_type = effects_of(effects, direction, patch_type)
            # Keys that the text mentions are there, also where it does not show them.
            found |= {f"{key}/top-{name}": MISSING for name in SHOWN_OF_HEAD}
            if not of_type.empty:
                found |= {
                    f"{key}/{name}": text for name, text in _ranked_numbers(of_type)
                }
    return found


def _ranked_numbers(of_type: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Numbers of one direction and patch type, of which the strongest head is first.

    Heads are named and summed by exact effects alone, never by estimates.
    """
    important = of_type[of_type["important"] == 1]
    yield "n-important", str(len(important))
    yield "any-important", flag(len(important) > 0)
    yield "important-share", format_percent(len(important) / len(of_type))
    yield "any-negative", flag((important["effect"] < 0).any())
    layers = important["layer"] if len(important) else of_type["layer"]
    yield "lowest-important-layer", str(layers.min())
    yield "highest-important-layer", str(layers.max())
    ranks = ("top", "second", "third")
    patched = exact(of_type)
    heads = [*zip(ranks, patched.itertuples(), strict=False)]
    lowest = patched.sort_values(["effect", *HEAD]).head(1)
    heads += [("lowest", row) for row in lowest.itertuples()]
    for name, row in heads:
        yield f"{name}-head", head_name(row.layer, row.head)
        yield f"{name}-effect", effect_text(row.effect)
        yield f"{name}-interval", interval_text(row.ci_low, row.ci_high)
    if len(patched) == len(of_type):
        effects = patched["effect"].to_numpy()
        yield "concentration", format_percent(concentration(effects))


@numbers
def agreement_numbers(effects: pd.DataFrame) -> Numbers:
    """How denoising and noising of the output agree, over all heads.

    Raises ValueError when a direction is missing: the chapter compares the two.
    """
    sides = {
        direction: effects_of(effects, direction).set_index(HEAD)
        for direction in DIRECTIONS
    }
    for name, side in sides.items():
        if side.empty:
            raise ValueError(f"there are no effects of {name} the output of heads")
    first, second = sides.values()
    pair = first["effect"].align(second["effect"], join="inner")
    sets = {name: side[side["important"] == 1].index for name, side in sides.items()}
    of_first, of_second = sets.values()
    shared = of_first.intersection(of_second)
    either = first.index[first.index.isin(of_first.union(of_second))]
    found = {
        "agreement/pearson": _correlation(*pair),
        "agreement/spearman": _correlation(pair[0].rank(), pair[1].rank()),
        "agreement/same-top-head": flag(first.index[0] == second.index[0]),
    }
    found |= counted("agreement/both", shared)
    found |= counted("agreement/either", either)
    for name, heads in sets.items():
        only = heads[~heads.isin(shared)]  # keeps the order: strongest first
        found |= counted(f"agreement/only-{name}", only)
    return found


def _correlation(x: pd.Series, y: pd.Series) -> str:
    """Pearson's correlation, in math mode."""
    return math_mode(format_number(x.corr(y), 3))


@latex_table
def top_heads_table(
    effects: pd.DataFrame, evidence: pd.DataFrame, roles: pd.DataFrame, top: int = 15
) -> str:
    """The strongest heads of output patching; by |denoising effect|, layer, head."""
    noising = effects_of(effects, "noising").set_index(HEAD)
    direct = evidence_of(evidence, "direct_effect").set_index(HEAD)["value"]
    by_head = roles_by_head(roles)
    rows, shown = [], []
    for row in effects_of(effects, "denoising").head(top).itertuples():
        head = (row.layer, row.head)
        other = noising.loc[head] if head in noising.index else None
        of_head = (
            row.effect,
            float("nan") if other is None else other["effect"],
            direct.get(head, float("nan")),
        )
        shown.append(of_head)
        rows.append(
            [
                ("" if row.confirmed else r"$\approx$") + head_name(*head),
                escape(", ".join(by_head.get(head, [NO_ROLE]))),
                cell(of_head[0], EFFECT_DIGITS, sign=True),
                interval_cell(row.ci_low, row.ci_high, EFFECT_DIGITS, sign=True),
                cell(of_head[1], EFFECT_DIGITS, sign=True),
                MISSING
                if other is None
                else interval_cell(
                    other["ci_low"], other["ci_high"], EFFECT_DIGITS, sign=True
                ),
                cell(of_head[2], 2, sign=True),
            ]
        )
    columns = ["Head", "Role", "Denoising", "interval", "Noising", "interval "]
    table = pd.DataFrame(rows, columns=[*columns, "Direct"])
    values = pd.DataFrame(shown, columns=["denoising", "noising", "direct"])
    formats = [
        number_column(values["denoising"], EFFECT_DIGITS, True) + INTERVAL,
        number_column(values["noising"], EFFECT_DIGITS, True) + INTERVAL,
        number_column(values["direct"], 2, True),
    ]
    role = r">{\raggedright\arraybackslash}p{3.3cm}"
    return tabular(table, "@{}l" + role + "".join(formats) + "@{}")


@latex_table
def positions_table(effects_by_position: pd.DataFrame) -> str:
    """The strongest patched head at each position; by direction, then as given."""
    rows, values = [], []
    for direction in DIRECTIONS:
        for position in dict.fromkeys(effects_by_position["position"]):
            here = effects_by_position[effects_by_position["position"] == position]
            of_both = exact(effects_of(here, direction))
            if of_both.empty:
                continue
            strongest = next(of_both.itertuples())
            head, effect, interval = MISSING, float("nan"), MISSING
            if abs(strongest.effect) > 0:
                head, effect = (
                    head_name(strongest.layer, strongest.head),
                    strongest.effect,
                )
                ends = strongest.ci_low, strongest.ci_high
                interval = interval_cell(*ends, EFFECT_DIGITS, sign=True)
            values.append(effect)
            n_important = str(int(of_both["important"].sum()))
            shown = cell(effect, EFFECT_DIGITS, sign=True)
            names = [escape(direction), escape(position)]
            rows.append([*names, n_important, head, shown, interval])
    names = ["Direction", "Position", "Important heads", "Strongest", "Effect"]
    column = number_column(values, EFFECT_DIGITS, sign=True)
    table = pd.DataFrame(rows, columns=[*names, "interval"])
    return tabular(table, f"@{{}}llrl{column}{INTERVAL}@{{}}")
