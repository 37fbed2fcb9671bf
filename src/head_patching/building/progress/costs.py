"""What each job cost in a recorded build: `benchmarks/build.csv`."""

import csv
import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

RECORDED = Path("benchmarks/build.csv")
RECORDED_CORES = 2
COLUMNS = ("rule", "job", "cpu_s", "wall_s", "memory_mib")

# The row of the whole build has the name of its rule.
WHOLE = "all"

# How many cores a build keeps busy on two, where none was recorded.
BUSY = 1.6


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time and of waiting for one job."""

    cpu: float
    wall: float

    @property
    def cores(self) -> float:
        """How many cores it kept busy."""
        return self.cpu / self.wall if self.wall else 0.0


def job_name(log: Iterable[str]) -> str:
    """A job's name in its rule, from the path of its log; empty if it is the only one.

    Examples
    --------
    >>> job_name(["logs/draw_figure/ioi/circuit.log"])
    'ioi/circuit'
    >>> job_name(["logs/typeset_chapter.log"]), job_name([])
    ('', '')
    """
    for path in log:
        return "/".join(Path(path).with_suffix("").parts[2:])
    return ""


class Costs:
    """Costs of jobs by rule and name, and what follows for jobs that were not recorded.

    Parameters
    ----------
    jobs
        Cost of each job by rule, then by the job's name.
    whole
        The processor time of the whole recorded build, and how long it took.
    """

    def __init__(
        self, jobs: Mapping[str, Mapping[str, Cost]], whole: Cost | None = None
    ) -> None:
        self.jobs = jobs
        self.busy = whole.cores if whole else BUSY
        every = [cost for of_rule in jobs.values() for cost in of_rule.values()]
        self.median = Cost(
            statistics.median([cost.cpu for cost in every] or [1.0]),
            statistics.median([cost.wall for cost in every] or [1.0]),
        )

    def of_job(self, rule: str, job: str) -> Cost:
        """A job's cost; if it was not recorded, that of a job of its rule."""
        of_rule = self.jobs.get(rule, {})
        return of_rule[job] if job in of_rule else self._mean(of_rule.values())

    def of_others(self, rule: str, count: int, known: Collection[str]) -> float:
        """Processor time of so many jobs of a rule, none of them known by name."""
        of_rule = self.jobs.get(rule, {})
        others = [cost for job, cost in of_rule.items() if job not in known]
        return count * self._mean(others or of_rule.values()).cpu

    def _mean(self, costs: Collection[Cost]) -> Cost:
        """The mean cost of jobs; without any, the median of all that were recorded."""
        if not costs:
            return self.median
        return Cost(
            statistics.fmean(cost.cpu for cost in costs),
            statistics.fmean(cost.wall for cost in costs),
        )


def read_costs(path: Path = RECORDED) -> Costs:
    """The recorded costs; none if the file is missing or is not such a table."""
    jobs: dict[str, dict[str, Cost]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                cost = Cost(float(row["cpu_s"]), float(row["wall_s"]))
                jobs.setdefault(row["rule"], {})[row["job"]] = cost
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        # How long it takes is then not known; the build goes on.
        return Costs({})
    whole = jobs.pop(WHOLE, {}).get("")
    return Costs(jobs, whole)
