"""Numbers about paths, knocked out name movers, signals, and how sure roles are."""

from head_patching.reporting.head_numbers import (
    Numbers,
    counted,
    effect_text,
    flag,
    interval_text,
    slug,
)
from head_patching.reporting.path_tables import KNOCKED_OUT, PATHS, SIGNALS
from head_patching.reporting.rounding import (
    MISSING,
    format_number,
    head_name,
    math_mode,
)
from head_patching.reporting.sources import Results

ALL_ROLES = "all roles"


def path_numbers(results: Results) -> Numbers:
    """The strongest head of each kind of evidence along paths, and which count."""
    numbers: Numbers = {}
    for criterion in (*PATHS, *KNOCKED_OUT, *SIGNALS):
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
    position, token = (results.evidence_of(name)["value"].sum() for name in SIGNALS)
    numbers["evidence/signal/position-is-larger"] = flag(position > token)
    return numbers


def stability_numbers(results: Results) -> Numbers:
    """How alike the role sets of resamples are."""
    jaccard = results.role_stability.set_index("role")["jaccard"]
    whole = float(jaccard[ALL_ROLES])
    return {
        "roles/jaccard": math_mode(format_number(whole, 2)),
        "roles/stable": flag(whole >= 0.8),
        "roles/n-resamples": str(int(results.role_stability["n_resamples"].iloc[0])),
    }
