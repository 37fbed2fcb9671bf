"""Tracing again in every resample, with the receivers that each draw finds.

A role far from the answer hangs on those nearer to it: other templates might have found
other name movers, whose paths lead elsewhere. So each draw of the bootstrap takes its
own receivers at every step. Paths into the receivers of a step are measured once for
each distinct set, the most frequent first, up to a number. The draws that are left over
have none of the roles that hang on the step.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
        left = set()
        for found, members in most_frequent(ends):
            measured = measure_stage(step, found)
            if measured is None:
                left |= {*members}
            else:
                draws.judge(measured, members)
        traced = [number for number in traced if number not in left]
        n_left = len(draws) - len(traced)
        sets = len(set(ends.values()))
        report.append(LeftOver(step.criterion, len(draws), n_left, sets))
    if tracing.knocked_out:
        role, n_left = tracing.knocked_out, 0
        heads = {
            number: tuple(Draw(draws, number).heads_with(role))
            for number in range(len(draws))
        }
        for found, members in most_frequent(heads):
            measured = measure_knock_out(found)
            if measured is None:
                n_left += len(members)
            else:
                draws.judge(measured, members)
        sets = len(set(heads.values()))
        report.append(LeftOver("knocked_out", len(draws), n_left, sets))
    return report


def most_frequent(found: dict[int, object]) -> list[tuple]:
    """Each distinct value with the draws that found it, the most frequent first."""
    counts = Counter(found.values())
    return [
        (value, [number for number, each in found.items() if each == value])
        for value, _ in counts.most_common()
    ]


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
