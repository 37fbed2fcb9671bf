"""Numbers about heads: effects, agreement of the two directions, roles."""

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from head_patching.files.columns import HEAD
from head_patching.reporting.role_tables import MOST_UNDECIDED, MOST_WITH_ROLE
from head_patching.reporting.rounding import (
    MISSING,
    SMALL_P,
    format_interval,
    format_number,
    format_percent,
    head_name,
    join_names,
    math_mode,
)
from head_patching.reporting.sources import (
    NO_ROLE,
    ROLES,
    UNDECIDED,
    Results,
)

Numbers = dict[str, str]

# Share of resamples in which a head keeps a role that is called sure.
SURE = 0.9

PATCH_TYPES = ("output", "q", "k", "v", "pattern")

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def effect_numbers(results: Results) -> Numbers:
    """Top heads and counts of every direction and patch type."""
    kinds = sorted(set(results.effects["patch_type"]))
    confirmed = results.effects.get("confirmed", pd.Series([1]))
    within = results.effects.query("patch_type != 'output'")
    numbers = {
        "grid/present": flag(len(kinds) > 1),
        "grid/n-pairs": str(within["n_pairs"].max()) if len(within) else MISSING,
        "estimates/present": flag(bool((confirmed == 0).any())),
    }
    for direction in ("denoising", "noising"):
        output = results.effects_of(direction)
        important = output[output["important"] == 1]
        numbers |= counted(f"important/{direction}", important)
        numbers |= counted(f"negative/{direction}", important.query("effect < 0"))
        for kind in PATCH_TYPES:
            ranked = results.effects_of(direction, kind)
            for key in ("head", "effect", "interval"):  # mentioned, though not shown
                numbers[f"{direction}/{kind}/top-{key}"] = MISSING
            if not ranked.empty:
                for key, value in _ranked_numbers(ranked):
                    numbers[f"{direction}/{kind}/{key}"] = value
    return numbers


def estimate_numbers(results: Results) -> Numbers:
    """Where attribution patching finds fewest of the strongest heads, and how many."""
    table = results.attribution.sort_values(["patch_type", "direction"])
    fewest = table.loc[table["top_shared"].idxmin()]
    kind = fewest["patch_type"]
    kind = f"{kind}s" if kind in ("output", "pattern") else math_mode(kind)
    return {
        "estimates/top": str(fewest["top"]),
        "estimates/fewest": str(round(fewest["top_shared"] * fewest["top"])),
        "estimates/fewest-of": f"{kind} in {fewest['direction']}",
        "estimates/some-missed": flag(fewest["top_shared"] < 1),
    }


def _ranked_numbers(ranked: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Numbers of one direction and patch type, strongest head first."""
    important = ranked[ranked["important"] == 1]
    yield "n-important", str(len(important))
    yield "any-important", flag(len(important) > 0)
    yield "important-share", format_percent(len(important) / len(ranked))
    yield "any-negative", flag((important["effect"] < 0).any())
    layers = important["layer"] if len(important) else ranked["layer"]
    yield "lowest-important-layer", str(layers.min())
    yield "highest-important-layer", str(layers.max())
    places = ("top", "second", "third")
    for place, row in zip(places, ranked.itertuples(), strict=False):
        yield f"{place}-head", head_name(row.layer, row.head)
        yield f"{place}-effect", effect_text(row.effect)
        yield f"{place}-interval", interval_text(row.ci_low, row.ci_high)
    lowest = next(ranked.sort_values(["effect", *HEAD]).itertuples())
    yield "lowest-head", head_name(lowest.layer, lowest.head)
    yield "lowest-effect", effect_text(lowest.effect)
    yield "lowest-interval", interval_text(lowest.ci_low, lowest.ci_high)
    sizes = ranked["effect"].abs()
    top, total = sizes.head(max(1, round(len(ranked) / 20))).sum(), sizes.sum()
    yield "concentration", format_percent(float(top / total) if total else math.nan)


def agreement_numbers(results: Results) -> Numbers:
    """How denoising and noising of the output agree, over all heads.

    Raises ValueError when a direction is missing: the chapter compares the two.
    """
    sides = {
        name: results.effects_of(name).set_index(HEAD)
        for name in ("denoising", "noising")
    }
    for name, side in sides.items():
        if side.empty:
            raise ValueError(f"there are no effects of {name} the output of heads")
    pair = sides["denoising"]["effect"].align(sides["noising"]["effect"], join="inner")
    sets = {name: side[side["important"] == 1].index for name, side in sides.items()}
    shared = sets["denoising"].intersection(sets["noising"])
    top_heads = [side.index[0] for side in sides.values()]
    either = sides["denoising"].index
    either = either[either.isin(sets["denoising"].union(sets["noising"]))]
    numbers = {
        "agreement/pearson": _correlation(*pair),
        "agreement/spearman": _correlation(pair[0].rank(), pair[1].rank()),
        "agreement/same-top-head": flag(top_heads[0] == top_heads[1]),
    }
    for name, heads in (("both", shared), ("either", either)):
        numbers |= counted(f"agreement/{name}", heads.to_frame(index=False))
    for name, heads in sets.items():
        only = heads[~heads.isin(shared)]  # keeps the order: strongest first
        numbers |= counted(f"agreement/only-{name}", only.to_frame(index=False))
    return numbers


def role_numbers(results: Results) -> Numbers:
    """Which heads have each role, strongest denoising effect first."""
    order = results.heads_by_strength()
    by_head = results.roles_by_head()
    numbers, mean_layer = {}, {}
    for role in dict.fromkeys((*ROLES, *results.role_names, UNDECIDED)):
        heads = [head for head in order if role in by_head.get(head, [])]
        numbers |= counted(f"roles/{slug(role)}", _frame(heads))
        if heads:
            mean_layer[role] = sum(layer for layer, _ in heads) / len(heads)
    held = {h: set(by_head.get(h, [])) - {UNDECIDED, NO_ROLE} for h in order}
    for name, least in (("decided", 1), ("several", 2)):
        heads = [head for head in order if len(held[head]) >= least]
        numbers |= counted(f"roles/{name}", _frame(heads))
    n_decided = sum(map(bool, held.values()))
    n_undecided = sum(UNDECIDED in by_head.get(head, []) for head in order)
    numbers["roles/too-many-heads"] = flag(n_decided > MOST_WITH_ROLE)
    numbers["roles/too-many-verdicts"] = flag(
        sum(map(len, held.values())) > MOST_WITH_ROLE
    )
    numbers["roles/too-many-undecided"] = flag(n_undecided > MOST_UNDECIDED)
    output = results.effects.query("patch_type == 'output' and important == 1")
    important = set(zip(output["layer"], output["head"], strict=True))
    heads = [head for head in order if head in important and held[head]]
    numbers |= counted("roles/of-important", _frame(heads))
    sure = results.roles[results.roles["probability"] >= SURE]
    sure = set(zip(sure["layer"], sure["head"], strict=True))
    heads = [head for head in order if head in sure and held[head]]
    numbers |= counted("roles/sure", _frame(heads))
    numbers["roles/sure-percent"] = format_percent(SURE)
    numbers["roles/of-top-head"] = " and ".join(by_head.get(order[0], [NO_ROLE]))
    return numbers | _layer_order(mean_layer)


def _layer_order(mean_layer: Mapping[str, float]) -> Numbers:
    """Whether the roles lie in the order in which the circuit would use them."""
    early = [
        mean_layer[role]
        for role in ("previous token", "duplicate token", "induction")
        if role in mean_layer
    ]
    testable = bool(early) and {"S-inhibition", "name mover"} <= set(mean_layer)
    numbers = {"roles/order-testable": flag(testable)}
    holds = testable and (
        max(early) < mean_layer["S-inhibition"] < mean_layer["name mover"]
    )
    numbers["roles/order-holds"] = flag(holds)
    highest = max(early, default=float("nan"))
    numbers["roles/repetition/highest-mean-layer"] = format_number(highest, 1)
    for role in ROLES:
        layer = mean_layer.get(role, float("nan"))
        numbers[f"roles/{slug(role)}/mean-layer"] = format_number(layer, 1)
    return numbers


def counted(key: str, heads: pd.DataFrame) -> Numbers:
    r"""The keys with which `\countedheads` and `\howmany` count and name heads."""
    names = [
        head_name(*pair) for pair in zip(heads["layer"], heads["head"], strict=True)
    ]
    return {
        f"{key}/n": str(len(names)),
        f"{key}/n-words": number_word(len(names)),
        f"{key}/one": flag(len(names) == 1),
        f"{key}/found": flag(len(names) > 0),
        f"{key}/heads": join_names(names),
    }


def p_numbers(key: str, p_value: float) -> Numbers:
    """A p-value as the text prints it: below the bound it is said to be smaller."""
    small = p_value < SMALL_P
    return {
        f"{key}/p-value": f"{SMALL_P:g}" if small else format_number(p_value, 3),
        f"{key}/p-is-small": flag(small),
    }


def number_word(count: int) -> str:
    """Counts up to nine in words, larger ones in digits."""
    return WORDS[count] if count < len(WORDS) else str(count)


def flag(value: object) -> str:
    r"""What `\ifresult` reads."""
    return "true" if value else "false"


def slug(name: str) -> str:
    """A name as a part of a key."""
    return name.lower().replace(" ", "-").replace("_", "-")


def _frame(heads: list[tuple[int, int]]) -> pd.DataFrame:
    """Heads as the table that `counted` takes."""
    return pd.DataFrame(heads, columns=HEAD)


def effect_text(value: float) -> str:
    """An effect in the text."""
    return math_mode(format_number(value, 2, sign=True))


def interval_text(low: float, high: float) -> str:
    """An effect's interval in the text."""
    return math_mode(format_interval(low, high, 2, sign=True))


def _correlation(x: pd.Series, y: pd.Series) -> str:
    """Pearson's correlation, in math mode."""
    return math_mode(format_number(x.corr(y), 3))
