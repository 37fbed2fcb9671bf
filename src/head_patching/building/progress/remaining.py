"""How much of a build is done and how long the rest takes: arithmetic, without a clock.

A job's work is the processor time that it took in a recorded build, corrected where
jobs of its rule take longer or shorter here beside those of other rules. The build goes
on doing as much work in a second as it did lately.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from head_patching.building.progress.costs import RECORDED_CORES, Cost, Costs

# What was recorded counts as much as this many seconds of measuring.
TRUST = 20.0

# Seconds over which the speed is measured, and seconds of jobs after which a measured
# job counts e times less: others may come and go on the machine.
WINDOW = 240.0
MEMORY = 300.0

# A running job is taken for at most this part of its work.
MOST = 0.95


@dataclass(frozen=True)
class Job:
    """A job that runs or ran; `name` is unique in its rule, `label` is for readers."""

    rule: str
    name: str
    label: str
    cost: Cost
    started: float


@dataclass
class Pace:
    """How long jobs take beside what is expected; the recent ones count most."""

    memory: float
    measured: float = TRUST
    expected: float = TRUST

    def add(self, measured: float, expected: float) -> None:
        """Count a job that has ended."""
        kept = math.exp(-expected / self.memory)
        self.measured = kept * self.measured + measured
        self.expected = kept * self.expected + expected

    @property
    def ratio(self) -> float:
        """Measured seconds for each expected second."""
        return self.measured / self.expected


@dataclass
class Build:
    """The jobs of a build; times are seconds of any one clock.

    One thread may note what begins and ends while another asks how much is left.

    Parameters
    ----------
    costs
        What jobs cost in a recorded build.
    planned
        How many jobs of each rule are to run.
    cores
        How many cores the build may use and the machine has.
    began
        When the first job could start.
    """

    costs: Costs
    planned: Mapping[str, int]
    cores: int
    began: float
    running: dict[int, Job] = field(default_factory=dict)
    n_finished: int = 0

    def __post_init__(self) -> None:
        self.seen: dict[str, set[str]] = {rule: set() for rule in self.planned}
        self.pace = Pace(MEMORY)
        self.pace_of = {rule: Pace(math.inf) for rule in self.planned}
        self.finished: list[Job] = []
        self.history = [(self.began, 0.0)]

    @property
    def n_jobs(self) -> int:
        """The number of jobs of the build, finished or not."""
        return sum(self.planned.values())

    def start(self, number: int, rule: str, name: str, label: str, now: float) -> None:
        """A job begins; one that begins again is counted once.

        Parameters
        ----------
        number
            Snakemake's number of the job.
        rule, name, label
            As in `Job`.
        now
            The time.
        """
        self.seen.setdefault(rule, set()).add(name)
        cost = self.costs.of_job(rule, name)
        self.running[number] = Job(rule, name, label, cost, now)

    def finish(self, number: int, now: float) -> Job | None:
        """A job has ended well; None if it never began."""
        job = self.running.pop(number, None)
        self.n_finished += 1
        if job is not None:
            took, expected = now - job.started, job.cost.wall
            self.pace.add(took, expected)
            of_rule = self.pace_of.setdefault(job.rule, Pace(math.inf))
            of_rule.add(took / self.pace.ratio, expected)
            self.finished.append(job)
            self.history.append((now, self.work_done(now)))
        return job

    def expected(self, job: Job, now: float) -> float:
        """Seconds that a job takes here."""
        return job.cost.wall * self._slowness(job.rule, now)

    def work_done(self, now: float) -> float:
        """Core-seconds of work that are done."""
        done = 0.0
        for job in self.finished:
            done += job.cost.cpu * self._ratio_of(job.rule)
        for job in [*self.running.values()]:
            done += job.cost.cpu * self._ratio_of(job.rule) * self._part(job, now)
        return done

    def work_left(self, now: float) -> float:
        """Core-seconds of work that are still to do."""
        left = 0.0
        for job in [*self.running.values()]:
            left += job.cost.cpu * self._ratio_of(job.rule) * (1 - self._part(job, now))
        for rule, count in self.planned.items():
            seen = self.seen[rule]
            if count > len(seen):
                others = self.costs.of_others(rule, count - len(seen), seen)
                left += others * self._ratio_of(rule)
        return left

    def share(self, now: float) -> float:
        """The part of the work that is done, from 0 to 1."""
        done, left = self.work_done(now), self.work_left(now)
        return done / (done + left) if done + left else 1.0

    def remaining(self, now: float) -> float:
        """Seconds until the build ends."""
        longest = 0.0
        for job in [*self.running.values()]:
            left = self.expected(job, now) * (1 - self._part(job, now))
            longest = max(longest, left)
        return max(self.work_left(now) / self.speed(now), longest)

    def speed(self, now: float) -> float:
        """Core-seconds of work that are done in a second, lately."""
        recorded = self.costs.busy * self.cores / RECORDED_CORES / self.pace.ratio
        recent = [each for each in self.history if each[0] >= now - WINDOW]
        since, before = (recent or self.history[-1:])[0]
        done = max(self.work_done(now) - before, 0.0)
        return (done + TRUST * recorded) / (now - since + TRUST)

    def _slowness(self, rule: str, now: float) -> float:
        """How long jobs of a rule take, beside how long they took when recorded."""
        measured, expected = self.pace.measured, self.pace.expected
        for job in [*self.running.values()]:
            # A job that is late says something before it has ended.
            due = job.cost.wall * self._ratio_of(job.rule) * self.pace.ratio
            if now - job.started > due:
                measured += now - job.started
                expected += job.cost.wall
        return measured / expected * self._ratio_of(rule)

    def _ratio_of(self, rule: str) -> float:
        """How long jobs of a rule take beside those of others."""
        of_rule = self.pace_of.get(rule)
        return of_rule.ratio if of_rule else 1.0

    def _part(self, job: Job, now: float) -> float:
        """The part of a running job's work that is done."""
        expected = self.expected(job, now)
        return min((now - job.started) / expected, MOST) if expected else MOST
