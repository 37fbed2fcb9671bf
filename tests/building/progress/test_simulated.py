"""Estimates while simulated builds run, against when these end.

Jobs share the machine's cores evenly, each up to its threads; a stage begins when those
before it have ended, as the figures wait for the patching. Costs are recorded in one
simulated build and used in builds elsewhere.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from head_patching.building.progress.costs import Cost, Costs
from head_patching.building.progress.remaining import Build


@dataclass
class SimulatedJob:
    """A job: its seconds of processor time, and how many cores it can use."""

    rule: str
    name: str
    work: float
    threads: int
    stage: int


def jobs() -> list[SimulatedJob]:
    """A build like that of the default config."""
    draw = random.Random(0)
    stages = {
        ("prepare_model", 1): [22.0],
        ("validate_roles", 1): [draw.uniform(15, 60) for _ in range(8)],
        ("patch_heads", 2): [draw.uniform(10, 40) for _ in range(12)],
        ("patch_positions", 2): [draw.uniform(30, 60) for _ in range(4)],
        ("trace_paths", 2): [50.0, 40.0],
        ("check_patching", 1): [20.0, 18.0],
        ("draw_figure", 1): [draw.uniform(1, 3) for _ in range(28)],
        ("typeset_chapter", 1): [8.0],
    }
    place = {"prepare_model": 0, "validate_roles": 0, "check_patching": 2}
    place |= {"draw_figure": 3, "typeset_chapter": 4}
    return [
        SimulatedJob(rule, str(n), work, threads, place.get(rule, 1))
        for (rule, threads), works in stages.items()
        for n, work in enumerate(works)
    ]


def simulate(
    todo: list[SimulatedJob], machine: int, cores: int, speed: Callable[[float], float]
) -> Iterator[tuple[float, list[SimulatedJob], list[SimulatedJob]]]:
    """Each half second: the time, the jobs that began and those that ended."""
    # As Snakemake does with jobs that ask for more than there is.
    todo = [replace(job, threads=min(job.threads, cores)) for job in todo]
    left = {id(job): job.work for job in todo}
    waiting, running, now = list(todo), [], 0.0
    while waiting or running:
        began = []
        for job in list(waiting):
            used = sum(other.threads for other in running)
            ready = all(
                other.stage >= job.stage
                or (other.rule == "validate_roles" and job.stage < 3)
                for other in [*waiting, *running]
            )
            if ready and used + job.threads <= cores:
                waiting.remove(job)
                running.append(job)
                began.append(job)
        wanted = sum(job.threads for job in running)
        share = speed(now) * min(1.0, machine / wanted)
        now += 0.5
        ended = []
        for job in list(running):
            left[id(job)] -= 0.5 * share * job.threads
            if left[id(job)] <= 0:
                running.remove(job)
                ended.append(job)
        yield now, began, ended


def recorded() -> Costs:
    """The costs in a build on two cores of speed 1, with `--cores 4`."""
    started, costs = {}, {}
    now = 0.0
    for now, began, ended in simulate(jobs(), 2, 4, lambda _: 1.0):
        started |= {(job.rule, job.name): now - 0.5 for job in began}
        for job in ended:
            wall = now - started[job.rule, job.name]
            costs.setdefault(job.rule, {})[job.name] = Cost(job.work, wall)
    return Costs(costs, Cost(sum(job.work for job in jobs()), now))


def worst(
    todo: list[SimulatedJob], machine: int, cores: int, speed: Callable[[float], float]
) -> float:
    """How far the estimates are from the truth after a third: a factor.

    The last 45 seconds are not counted: the block then says "half a minute".
    """
    events = list(simulate(todo, machine, cores, speed))
    end = events[-1][0]
    planned: dict[str, int] = {}
    for job in todo:
        planned[job.rule] = planned.get(job.rule, 0) + 1
    build = Build(recorded(), planned, min(machine, cores), 0.0)
    numbers = {(job.rule, job.name): n for n, job in enumerate(todo)}
    off = 1.0
    for now, began, ended in events:
        for job in began:
            number = numbers[job.rule, job.name]
            build.start(number, job.rule, job.name, "", now - 0.5)
        for job in ended:
            build.finish(numbers[job.rule, job.name], now)
        if now % 3 == 0 and now > end / 3 and end - now > 45:
            ratio = build.remaining(now) / (end - now)
            off = max(off, ratio, 1 / ratio)
    return off


@pytest.mark.parametrize("speed", [1.0, 0.4, 3.0])
def test_where_costs_were_recorded_and_on_slower_and_faster_machines(
    speed: float,
) -> None:
    assert worst(jobs(), 2, 4, lambda _: speed) < 1.5


@pytest.mark.parametrize("speed", [1.0, 0.4])
@pytest.mark.parametrize(("machine", "cores"), [(2, 2), (1, 1), (4, 4)])
def test_on_other_numbers_of_cores(machine: int, cores: int, speed: float) -> None:
    # How many jobs share a core differs from the recorded build.
    assert worst(jobs(), machine, cores, lambda _: speed) < 2.2


def test_where_others_work_on_the_machine_for_a_while() -> None:
    assert worst(jobs(), 2, 4, lambda now: 0.7 if 100 < now < 200 else 1.0) < 1.5


@pytest.mark.parametrize("cost", [3.0, 0.1])
def test_of_a_model_that_costs_more_or_less_to_patch(cost: float) -> None:
    patching = ("patch_heads", "patch_positions", "trace_paths", "prepare_model")
    other = [
        replace(job, work=job.work * (cost if job.rule in patching else 1.0))
        for job in jobs()
    ]
    assert worst(other, 2, 4, lambda _: 1.0) < 3.5


def test_of_a_part_of_the_build() -> None:
    part = [job for job in jobs() if job.rule in {"patch_heads", "draw_figure"}]
    assert worst(part, 2, 4, lambda _: 0.8) < 1.5
