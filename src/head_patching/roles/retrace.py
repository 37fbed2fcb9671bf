"""Tracing again in every resample, with the receivers that each draw finds.

A role far from the answer hangs on those nearer to it: other templates might have found
other name movers, whose paths lead elsewhere. So each draw of the bootstrap takes its
own receivers at every step. Paths into the receivers of a step are measured once for
each distinct set, the most frequent first, up to a number. The draws that are left over
have none of the roles that hang on the step.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from head_patching.roles.draws import Draw, Draws
from head_patching.roles.measured import Measured
from head_patching.roles.stages import (
    KNOCKED_OUT,
    Ends,
    ends_key,
    ends_of,
    heads_key,
    stage_of,
)
from head_patching.tasks.task import Step, Tracing
from head_patching.terms import Head

Found = TypeVar("Found")

# Measures what depends on receivers, or on heads that are knocked out; None if that is
# one set too many.
MeasureStage = Callable[[Step, Ends], Sequence[Measured] | None]
MeasureKnockOut = Callable[[Sequence[Head]], Sequence[Measured] | None]


@dataclass(frozen=True)
class LeftOver:
    """How many draws were not traced at one step, and how many receivers they found."""

    criterion: str
    n_draws: int
    n_left_over: int
    n_sets: int


def retrace(
    draws: Draws,
    tracing: Tracing,
    measure_stage: MeasureStage,
    measure_knock_out: MeasureKnockOut,
) -> list[LeftOver]:
    """Judge the criteria along paths in every draw, step by step.

    Parameters
    ----------
    draws
        In which everything else is judged already.
    tracing
        The task's.
    measure_stage
        Given a step and its receivers.
    measure_knock_out
        Given the heads that are knocked out together.
    """
    traced, report = list(range(len(draws))), []
    for step in tracing.steps:
        ends = {
            number: ends_of(step, tracing, Draw(draws, number), ()) for number in traced
        }
        left = judge_each(draws, ends, partial(measure_stage, step))
        traced = [number for number in traced if number not in left]
        n_left = len(draws) - len(traced)
        sets = len(set(ends.values()))
        report.append(LeftOver(step.criterion, len(draws), n_left, sets))
    if tracing.knocked_out:
        role = tracing.knocked_out
        heads = {
            number: tuple(Draw(draws, number).heads_with(role))
            for number in range(len(draws))
        }
        left = judge_each(draws, heads, measure_knock_out)
        sets = len(set(heads.values()))
        report.append(LeftOver("knocked_out", len(draws), len(left), sets))
    return report


def judge_each(
    draws: Draws,
    found: Mapping[int, Found],
    measure: Callable[[Found], Sequence[Measured] | None],
) -> set[int]:
    """Judge each draw by what is measured of what it found; returns those left over.

    Each distinct value is measured once, the most frequent first.

    Parameters
    ----------
    found
        By the number of the draw.
    measure
        None for one value too many: its draws are left over.
    """
    left = set()
    for value, _ in Counter(found.values()).most_common():
        numbers = [number for number, each in found.items() if each == value]
        measured = measure(value)
        if measured is None:
            left |= {*numbers}
        else:
            draws.judge(measured, numbers)
    return left


def judge_paths(
    draws: Draws, tracing: Tracing, measured: Sequence[Measured]
) -> list[LeftOver]:
    """Judge the criteria along paths in every draw, from measurements made before.

    Parameters
    ----------
    draws
        In which everything else is judged already.
    tracing
        The task's.
    measured
        From `trace_paths` and `retrace_paths`, with the same draws.
    """
    measured_of: dict[tuple[str, str], list[Measured]] = {}
    for each in measured:
        name = KNOCKED_OUT[0] if each.criterion in KNOCKED_OUT else each.criterion
        measured_of.setdefault((name, each.given), []).append(each)

    def find(criterion: str, key: str) -> Sequence[Measured] | None:
        return measured_of.get((criterion, key)) if key else []

    return retrace(
        draws, tracing,
        lambda step, ends: find(stage_of(step.criterion), ends_key(ends)),
        lambda heads: find(KNOCKED_OUT[0], heads_key(heads)),
    )  # fmt: skip
