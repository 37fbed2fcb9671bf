"""What is said about a build: lengths of time, jobs, and lines for a log."""

from collections.abc import Mapping

from head_patching.building.progress.remaining import Build


def duration(seconds: float) -> str:
    """A measured length of time.

    Examples
    --------
    >>> duration(7.4), duration(71.0), duration(3725.0)
    ('0:07', '1:11', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def estimate(seconds: float) -> str:
    """An estimated length of time, as exact as it can be meant.

    Examples
    --------
    >>> [estimate(each) for each in (3.0, 44.0, 70.0, 1290.0, 9000.0)]
    ['some seconds', 'half a minute', '1 min', '22 min', '2 h 30 min']
    """
    if seconds < 10:
        return "some seconds"
    if seconds < 45:
        return "half a minute"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def job_label(rule: str, wildcards: Mapping[str, str], with_model: bool) -> str:
    """A job for readers: what its rule does, and to what.

    The model is left out where all jobs have the same, if there is more to say.

    Examples
    --------
    >>> job_label("trace_paths", {"model": "gpt2", "task": "ioi"}, with_model=False)
    'trace paths  ioi'
    >>> job_label("prepare_model", {"model": "gpt2"}, with_model=False)
    'prepare model  gpt2'
    """
    others = [str(value) for name, value in wildcards.items() if name != "model"]
    model = [str(wildcards["model"])] if "model" in wildcards else []
    of_job = others + model if with_model or not others else others
    return "  ".join([rule.replace("_", " "), *filter(None, [" ".join(of_job)])])


def percent(share: float, finished: bool) -> str:
    """A share in per cent; only what has ended is 100 %."""
    return f"{round(100 * share) if finished else min(99, int(100 * share))} %"


def so_far(build: Build, now: float) -> list[str]:
    """How many jobs are done, how long it took, and how long it still takes."""
    finished = build.n_finished >= build.n_jobs
    shown = [
        f"{build.n_finished} of {build.n_jobs} jobs",
        f"{duration(now - build.began)} so far",
    ]
    if not finished:
        shown.append(f"about {estimate(build.remaining(now))} to go")
    return shown


def opening(build: Build) -> str:
    """What is ahead, before the first job."""
    time, cores = estimate(build.remaining(build.began)), build.cores
    of = f"{cores} core" + "s" * (cores != 1)
    return f"{build.n_jobs} job{'s' * (build.n_jobs != 1)}, about {time} on {of}"


def finished_line(build: Build, label: str, took: float, now: float) -> str:
    """A line of a log: the job that has ended, and how far the build is."""
    share = percent(build.share(now), build.n_finished >= build.n_jobs)
    return f"done   {label}  ({duration(took)})  " + ", ".join(
        [share, *so_far(build, now)]
    )


def closing(build: Build, now: float) -> str:
    """How many jobs have ended, and how long all took."""
    took = duration(now - build.began)
    if build.n_finished >= build.n_jobs:
        return f"{build.n_jobs} job{'s' * (build.n_jobs != 1)} in {took}"
    return f"stopped after {build.n_finished} of {build.n_jobs} jobs, {took}"
