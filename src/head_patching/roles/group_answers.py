"""Answers about groups of heads as a dataset, to be written."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float

from head_patching.roles.group_tables import PARTS, TEXTS
from head_patching.roles.groups import GroupAnswer
from head_patching.roles.questions import WAYS
from head_patching.roles.stage_effects import Stage
from head_patching.roles.stages import heads_key, stage_of
from head_patching.terms import head_name


def to_dataset(stages: Sequence[Stage], templates: Sequence[str]) -> xr.Dataset:
    """The answers about all groups, with one row for each stage and question.

    Parameters
    ----------
    templates
        Of each pair.
    """
    rows = [(stage, answer) for stage in stages for answer in stage.answers]
    n_pairs = len(templates)
    n_members = max((len(answer.heads) for _, answer in rows), default=0)
    n_random = max((len(answer.random) for _, answer in rows), default=0)
    members = np.full((len(rows), len(PARTS), n_members, n_pairs), np.nan)
    random = np.full((len(rows), n_random, n_pairs), np.nan)
    names = np.full((len(rows), n_members), "", dtype=object)
    for number, (_, answer) in enumerate(rows):
        count = len(answer.heads)
        for way, values in answer.by_way().items():
            members[number, WAYS.index(way), :count] = values
        random[number, : len(answer.random)] = answer.random
        names[number, :count] = [head_name(*head) for head in answer.heads]
    texts = [
        (
            stage_of(stage.step.criterion), heads_key(stage.ends.heads),
            answer.question.corruption, answer.question.direction,
            answer.question.silenced,
        )
        for stage, answer in rows
    ]  # fmt: skip
    per_pair = np.empty((len(rows), n_pairs))
    return xr.Dataset(
        {
            "members": (("answer", "part", "member", "pair"), members),
            "random": (("answer", "group", "pair"), random),
            "joint": (("answer", "pair"), stacked(per_pair, rows, "joint")),
            "scale": (("answer", "pair"), stacked(per_pair, rows, "scale")),
            "heads": (("answer", "member"), names.astype(str)),
            "found": ("answer", [int(stage.ends.found) for stage, _ in rows]),
            "template": ("pair", list(map(str, templates))),
            **{
                name: ("answer", np.array([text[n] for text in texts], dtype=str))
                for n, name in enumerate(TEXTS)
            },
        },
        {"part": list(PARTS)},
    )


def stacked(
    like: np.ndarray, rows: Sequence[tuple[Stage, GroupAnswer]], name: str
) -> Float[np.ndarray, "answer pair"]:
    """An array of each answer, one below the other."""
    values = np.empty_like(like)
    for number, (_, answer) in enumerate(rows):
        values[number] = getattr(answer, name)
    return values
