"""Which heads have which role, how sure that is, and in what order the roles come."""

from collections.abc import Mapping

import pandas as pd

from head_patching.reporting.criteria import MOST_UNDECIDED, MOST_WITH_ROLE
from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.groups import members_text, redundant_groups
from head_patching.reporting.keys import (
    Numbers,
    counted_pairs,
    flag,
    number_word,
    pairs_of,
    slug,
)
from head_patching.reporting.paths import MOST_SENDERS
from head_patching.reporting.rounding import (
    MISSING,
    escape,
    format_number,
    format_percent,
    join_names,
    math_mode,
)
from head_patching.reporting.select import heads_by_strength, role_names, roles_by_head
from head_patching.reporting.tabular import effect_cell, question_text, tabular
from head_patching.terms import (
    CANDIDATES,
    NO_ROLE,
    POOLED,
    ROLES,
    UNDECIDED,
    Role,
    has_role,
    head_name,
)

# Share of resamples in which a head has a role that is called sure.
SURE = 0.9

# Mean Jaccard index of resamples that is called stable (Meloux et al. 2025).
STABLE = 0.8

# What name movers depend on: the roles that detect the repeated name.
DETECTORS = {Role.PREVIOUS_TOKEN, Role.DUPLICATE_TOKEN, Role.INDUCTION}


@numbers
def role_numbers(
    effects: pd.DataFrame, roles: pd.DataFrame, role_criteria: pd.DataFrame
) -> Numbers:
    """Which heads have each role, strongest denoising effect first."""
    order, by_head = heads_by_strength(effects), roles_by_head(roles)
    roles_of = {head: set(filter(has_role, by_head.get(head, []))) for head in order}
    found, mean_layer = {}, {}
    for role in dict.fromkeys((*ROLES, *role_names(roles, role_criteria), UNDECIDED)):
        heads = [head for head in order if role in by_head.get(head, [])]
        found |= counted_pairs(f"roles/{slug(role)}", heads)
        if heads:
            mean_layer[role] = sum(layer for layer, _ in heads) / len(heads)
    through = roles[roles["receivers"] == CANDIDATES]
    n_undecided = sum(UNDECIDED in by_head.get(head, []) for head in order)
    n_verdicts = sum(map(len, roles_of.values()))
    output = effects.query("patch_type == 'output' and important == 1")
    important = {*pairs_of(output)}
    sure = {*pairs_of(roles[roles["probability"] >= SURE])}
    sets = {
        "decided": [head for head in order if roles_of[head]],
        "several": [head for head in order if len(roles_of[head]) > 1],
        "of-important": [
            head for head in order if head in important and roles_of[head]
        ],
        "sure": [head for head in order if head in sure and roles_of[head]],
        "through-candidates": [head for head in order if head in {*pairs_of(through)}],
    }
    for name, heads in sets.items():
        found |= counted_pairs(f"roles/{name}", heads)
    found |= {
        "roles/too-many-heads": flag(len(sets["decided"]) > MOST_WITH_ROLE),
        "roles/too-many-verdicts": flag(n_verdicts > MOST_WITH_ROLE),
        "roles/too-many-undecided": flag(n_undecided > MOST_UNDECIDED),
        "roles/sure-percent": format_percent(SURE),
        "roles/of-top-head": " and ".join(by_head.get(order[0], [NO_ROLE])),
    }
    return found | _layer_order(mean_layer)


def _layer_order(mean_layer: Mapping[str, float]) -> Numbers:
    """Whether the mean layers of the roles are in the order of the circuit."""
    early = [mean_layer[role] for role in DETECTORS if role in mean_layer]
    late = (Role.S_INHIBITION, Role.NAME_MOVER)
    testable = bool(early) and {*late} <= {*mean_layer}
    holds = testable and max(early) < mean_layer[late[0]] < mean_layer[late[1]]
    highest = max(early, default=float("nan"))
    found = {
        "roles/order-testable": flag(testable),
        "roles/order-holds": flag(holds),
        "roles/repetition/highest-mean-layer": format_number(highest, 1),
    }
    for role in ROLES:
        layer = mean_layer.get(role, float("nan"))
        found[f"roles/{slug(role)}/mean-layer"] = format_number(layer, 1)
    return found


@numbers
def stability_numbers(role_stability: pd.DataFrame) -> Numbers:
    """How alike the role sets of resamples are."""
    jaccard = role_stability.set_index("role")["jaccard"]
    whole = float(jaccard[POOLED])
    left_over = float(role_stability["left_over"].max())
    return {
        "evidence/most-senders": number_word(MOST_SENDERS),
        "roles/jaccard": math_mode(format_number(whole, 2)),
        "roles/stable": flag(whole >= STABLE),
        "roles/n-resamples": str(int(role_stability["n_resamples"].iloc[0])),
        "roles/any-left-over": flag(left_over),
        "roles/left-over-percent": format_percent(left_over),
    }


@latex_table
def roles_table(
    effects: pd.DataFrame,
    roles: pd.DataFrame,
    role_criteria: pd.DataFrame,
    role_stability: pd.DataFrame,
    head_groups: pd.DataFrame,
    published_roles: pd.DataFrame,
) -> str:
    """How many heads have each role, and which; strongest denoising effect first.

    With the mean pairwise Jaccard index of the role's heads over resamples, and the
    heads that the literature gives the role in its own model, by layer. A group of
    heads that can replace one another is below the last role that its heads may have.

    Parameters
    ----------
    effects, roles, role_criteria, role_stability, head_groups
        Of one task.
    published_roles
        The roles that the literature gives to heads of a model.
    """
    published = published_roles.sort_values(["layer", "head"])
    order, by_head = heads_by_strength(effects), roles_by_head(roles)
    stability = role_stability.set_index("role")
    through = {*roles.loc[roles["receivers"] == CANDIDATES, "role"]}
    names = role_names(roles, role_criteria)
    groups = _group_rows(head_groups, roles, role_criteria, names)
    rows = []
    for role in (*names, UNDECIDED, NO_ROLE):
        heads = [head for head in order if role in by_head.get(head, [])]
        shown = MISSING if role == NO_ROLE else _head_list(heads)
        stable = left_over = MISSING
        if role in stability.index:
            stable = format_number(stability.loc[role, "jaccard"], 2)
            left_over = format_percent(stability.loc[role, "left_over"])
        elsewhere = _head_list(pairs_of(published[published["role"] == role]))
        name = escape(role) + (" (through candidates)" if role in through else "")
        rows.append([name, str(len(heads)), stable, left_over, shown, elsewhere])
        rows += groups.get(role, [])
    columns = ["Role", "Heads", "Jaccard", r"Left over, \%", "Which", "Published"]
    wide = r">{\raggedright\arraybackslash}p"
    form = rf"@{{}}{wide}{{3.1cm}}rrr{wide}{{4.4cm}}{wide}{{2.3cm}}@{{}}"
    return tabular(pd.DataFrame(rows, columns=columns), form)


def _group_rows(
    head_groups: pd.DataFrame,
    roles: pd.DataFrame,
    role_criteria: pd.DataFrame,
    order: list[str],
) -> dict[str, list[list[str]]]:
    """Rows about redundant heads, by the last role that serves their stage."""
    rows: dict[str, list[list[str]]] = {}
    for group in redundant_groups(head_groups).itertuples():
        of_stage = role_criteria[role_criteria["criterion"] == group.stage]
        serving = [role for role in order if role in {*of_stage["role"]}]
        joint = effect_cell(group.joint, group.joint_low, group.joint_high, 2)
        heads = members_text(group.heads, roles)
        said = f"{heads}, together {joint} ({question_text(group)})"
        row = [r"\quad as a group", str(group.n_heads), *2 * [MISSING], said, MISSING]
        rows.setdefault(serving[-1] if serving else order[-1], []).append(row)
    return rows


def _head_list(heads: list[tuple[int, int]]) -> str:
    """Names of heads, or a dash when there are none."""
    return join_names([head_name(*head) for head in heads], most=24) or MISSING
