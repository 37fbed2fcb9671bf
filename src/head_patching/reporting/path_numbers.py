"""Numbers about paths, knocked out name movers, signals, and how sure roles are."""

from head_patching.reporting.head_numbers import (
    Numbers,
    counted,
    effect_text,
    flag,
    interval_text,
    number_word,
    slug,
)
from head_patching.reporting.path_tables import (
    KNOCKED_OUT,
    MOST_SENDERS,
    signals_among,
)
from head_patching.reporting.rounding import (
    MISSING,
    format_number,
    head_name,
    math_mode,
)
from head_patching.reporting.sources import Results
from head_patching.reporting.tabular import paths_among

ALL_ROLES = "all roles"


def path_numbers(results: Results) -> Numbers:
    """The strongest head of each kind of evidence along paths, and which count."""
    numbers: Numbers = {}
    paths = paths_among(results.evidence["criterion"])
    for criterion in (*paths, *KNOCKED_OUT, *signals_among(results)):
        key = f"evidence/{slug(criterion.replace('.', '/'))}"
        ranked = results.evidence_of(criterion)
        numbers[f"{key}/measured"] = flag(not ranked.empty)
        numbers |= counted(f"{key}/important", ranked[ranked["important"] == 1])
        top = next(ranked.itertuples(), None)
        numbers[f"{key}/top-head"] = head_name(top.layer, top.head) if top else MISSING
        numbers[f"{key}/top-effect"] = effect_text(top.value) if top else MISSING
        numbers[f"{key}/top-interval"] = (
            interval_text(top.ci_low, top.ci_high) if top else MISSING
        )
    sums = {
        name: results.evidence_of(name)["value"].sum()
        for name in signals_among(results)
    }
    for name, value in sums.items():
        key = f"evidence/{slug(name.replace('.', '/'))}-is-larger"
        numbers[key] = flag(value == max(sums.values()))
    return numbers


def stability_numbers(results: Results) -> Numbers:
    """How alike the role sets of resamples are."""
    jaccard = results.role_stability.set_index("role")["jaccard"]
    whole = float(jaccard[ALL_ROLES])
    return {
        "evidence/most-senders": number_word(MOST_SENDERS),
        "roles/jaccard": math_mode(format_number(whole, 2)),
        "roles/stable": flag(whole >= 0.8),
        "roles/n-resamples": str(int(results.role_stability["n_resamples"].iloc[0])),
    }
