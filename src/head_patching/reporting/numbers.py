r"""Every number, head name and condition that the chapter's text uses.

A flat table from key to LaTeX, written as sorted `\defresult{key}{value}` lines. The
text reads them with `\result{key}`, and chooses sentences with `\ifresult{key}{}{}` on
the keys whose value is `true` or `false`; an unknown key stops the build.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from head_patching.files.writing import atomic
from head_patching.reporting.comparison import (
    elsewhere_numbers,
    overlap_numbers,
    prefix_numbers,
)
from head_patching.reporting.head_numbers import (
    Numbers,
    agreement_numbers,
    effect_numbers,
    estimate_numbers,
    flag,
    role_numbers,
    slug,
)
from head_patching.reporting.models import comparison_numbers
from head_patching.reporting.path_numbers import path_numbers, stability_numbers
from head_patching.reporting.repetition import repetition_numbers
from head_patching.reporting.replication import replication_numbers
from head_patching.reporting.rounding import (
    escape,
    exact_values,
    format_interval,
    format_number,
    format_percent,
    join_names,
    listed_names,
    math_mode,
    scientific,
)
from head_patching.reporting.sourced import Sourced, sourced
from head_patching.reporting.sources import Results
from head_patching.reporting.validation import validation_numbers
from head_patching.reporting.weights import weight_numbers

CORRUPTIONS = ("s2_io_flip", "s2_random", "abc", "s1_io_flip", "renamed") + (
    "b1_replaced", "a1_replaced", "moved", "unrelated",
)  # fmt: skip


def build_numbers(results: Sequence[Results]) -> Numbers:
    """All numbers of the chapter, by key; those of a task begin with its name.

    Parameters
    ----------
    results
        Of every task; what belongs to no task is the same in all.
    """
    return {key: each.text for key, each in sourced_numbers(results).items()}


def sourced_numbers(results: Sequence[Results]) -> dict[str, Sourced]:
    """The same, each with the files that it was computed from."""
    numbers: dict[str, Sourced] = {}
    for compute in (
        model_numbers,
        setting_numbers,
        validation_numbers,
        repetition_numbers,
        overlap_numbers,
        replication_numbers,
        comparison_numbers,
    ):
        numbers |= sourced(results[0], compute)
    by_task = {of_task.task: of_task for of_task in results}
    if {"ioi", "induction"} <= set(by_task):
        both = by_task["ioi"], by_task["induction"]
        files = tuple(each.paths["roles"] for each in both)
        elsewhere = elsewhere_numbers(*both)
        numbers |= {key: Sourced(text, files) for key, text in elsewhere.items()}
    found = set(by_task)
    for name in ("ioi", "induction"):
        files = tuple(r.paths["pairs"] for r in results if r.task == name)
        numbers[f"tasks/{name}"] = Sourced(flag(name in found), files)
    for of_task in results:
        for compute in (
            check_numbers,
            data_numbers,
            behaviour_numbers,
            effect_numbers,
            estimate_numbers,
            agreement_numbers,
            role_numbers,
            path_numbers,
            prefix_numbers,
            stability_numbers,
            weight_numbers,
        ):
            numbers |= {
                f"{of_task.task}/{key}": number
                for key, number in sourced(of_task, compute).items()
            }
    return dict(sorted(numbers.items()))


def write_numbers(numbers: Mapping[str, str], path: Path) -> None:
    r"""Write the numbers as `\defresult` lines, sorted by key."""
    lines = [rf"\defresult{{{key}}}{{{numbers[key]}}}" for key in sorted(numbers)]
    with atomic(path) as temporary:
        text = "\n".join(lines) + "\n"
        Path(temporary).write_text(text, encoding="utf-8", newline="\n")


def numbers_table(numbers: Mapping[str, Sourced]) -> pd.DataFrame:
    """One row per number, by key: as printed, what it was rounded from, its files.

    Columns: key, text, exact (one number, two bounds, or all names of a list that the
    text cuts short), files (separated by spaces).
    """
    rows = [
        (
            key,
            each.text,
            " ".join(f"{value:.9g}" for value in exact_values(each.text))
            or " ".join(sorted(listed_names(each.text))),
            " ".join(each.files),
        )
        for key, each in sorted(numbers.items())
    ]
    return pd.DataFrame(rows, columns=["key", "text", "exact", "files"])


def model_numbers(results: Results) -> Numbers:
    """The model's shape and where its weights come from."""
    config, about = results.model["config"], results.model["provenance"]
    name = config["name"]
    n_heads, n_groups = config["n_heads"], config["n_key_value_heads"]
    return {
        "model/name": escape(name),
        "model/n-layers": str(config["n_layers"]),
        "model/n-heads": str(n_heads),
        "model/n-heads-total": str(config["n_layers"] * n_heads),
        "model/n-key-value-heads": str(n_groups),
        "model/d-model": str(config["d_model"]),
        "model/d-head": str(config["d_head"]),
        "model/license": escape(about.get("license") or "not stated"),
        "model/source": escape(about.get("source") or "not stated"),
        "model/grouped-query": flag(n_groups < n_heads),
        "model/rms-norm": flag(config["normalization"] == "RMS"),
        "model/quantised": flag(any(f.endswith(".gguf") for f in about["files"])),
        "model/is-smollm2": flag("smollm2" in name.lower()),
        "model/is-gpt2-small": flag(name.lower() in ("gpt-2 small", "gpt2")),
    }


def setting_numbers(results: Results) -> Numbers:
    """The settings that the text names."""
    settings = results.provenance["settings"]
    threshold = settings["importance.threshold"]
    rate = settings["importance.false_discovery_rate"]
    return {
        "settings/resamples": str(settings["statistics.resamples"]),
        "settings/sign-flips": str(settings["statistics.sign_flips"]),
        "settings/statistics-seed": str(settings["statistics.seed"]),
        "settings/level": format_percent(settings["statistics.level"]),
        "settings/validation-pairs": str(settings["validation.n_pairs"]),
        "settings/distances": join_names(
            [str(number) for number in settings["weights.distances"]]
        ),
        "settings/rotations": str(settings["weights.rotations"]),
        "settings/edge": f"{settings['weights.edge']:g}",
        "settings/threshold": f"{threshold:g}",
        "settings/threshold-percent": f"{100 * threshold:g}",
        "settings/false-discovery-rate": f"{rate:g}",
        "settings/false-discovery-percent": f"{100 * rate:g}",
    }


def check_numbers(results: Results) -> Numbers:
    """How far the engine is from the reference, and from doing nothing at all."""
    summary = results.self_check_summary
    return {
        "check/max-abs-diff": math_mode(scientific(summary["max_abs_diff"])),
        "check/tolerance": math_mode(scientific(summary["tolerance"])),
        "check/identity-max": math_mode(scientific(summary["identity_max"])),
        "check/n-pairs": str(summary["n_pairs"]),
        "check/n-heads": str(summary["n_heads"]),
        "check/n-values": str(len(results.self_check)),
    }


def data_numbers(results: Results) -> Numbers:
    """The prompts: how many, how long, and one example."""
    header, pairs = results.pairs_header, results.pairs
    lengths = [len(pair["clean_tokens"]) for pair in pairs]
    groups = pd.Series([pair["template"] for pair in pairs]).value_counts()
    example = pairs[0]
    numbers = {
        "data/n-pairs": str(len(pairs)),
        "data/n-groups": str(len(groups)),
        "data/pairs-per-group": _pairs(int(groups.min()), int(groups.max())),
        "data/several-in-a-group": flag(groups.max() > 1),
        "data/length": _span(min(lengths), max(lengths)),
        "data/seed": str(header["seed"]),
        "data/prepend-bos": flag(header["prepend_bos"]),
        "data/example-clean": escape(example["clean"]),
        "data/example-corrupt": escape(example["corrupt"]),
        "data/example-answer": escape(example["answer"].strip()),
        "data/example-wrong-answer": escape(example["wrong_answer"].strip()),
    }
    for name in CORRUPTIONS:
        numbers[f"data/corruption-is/{slug(name)}"] = flag(header["corruption"] == name)
    return numbers


def behaviour_numbers(results: Results) -> Numbers:
    """Logit difference, accuracy and probability of both runs over all pairs."""
    table = results.behaviour.set_index(["group", "run", "metric"])
    numbers = {}
    for run in ("clean", "corrupt"):
        for metric in ("logit_diff", "accuracy", "probability"):
            row = table.loc[("all", run, metric)]
            sign = metric == "logit_diff"
            key = f"behaviour/{run}-{slug(metric)}"
            if metric == "logit_diff":
                numbers[key] = math_mode(format_number(row["mean"], 2, sign=True))
            else:
                numbers[key] = format_percent(row["mean"])
            scale = 1 if sign else 100
            bounds = (scale * row["ci_low"], scale * row["ci_high"])
            numbers[f"{key}-interval"] = math_mode(
                format_interval(*bounds, 2 if sign else 0, sign=sign)
            )
    clean = table.loc[("all", "clean", "logit_diff")]
    corrupt = table.loc[("all", "corrupt", "logit_diff")]
    numbers["behaviour/does-task"] = flag(clean["ci_low"] > 0)
    numbers["behaviour/corrupt-reversed"] = flag(corrupt["ci_high"] < 0)
    numbers["behaviour/difference"] = math_mode(
        format_number(clean["mean"] - corrupt["mean"], 2)
    )
    single = results.behaviour.query(
        "group != 'all' and run == 'clean' and metric == 'logit_diff'"
    )
    if not single.empty:
        low, high = single["mean"].min(), single["mean"].max()
        numbers["behaviour/lowest-group"] = math_mode(format_number(low, 2, sign=True))
        numbers["behaviour/highest-group"] = math_mode(
            format_number(high, 2, sign=True)
        )
        numbers["behaviour/every-group-positive"] = flag(low > 0)
    return numbers


def _pairs(low: int, high: int) -> str:
    """How many pairs: `one pair`, `2 pairs`, `2--3 pairs`."""
    return "one pair" if high == 1 else f"{_span(low, high)} pairs"


def _span(low: int, high: int) -> str:
    """One number, or the range from low to high."""
    return str(low) if low == high else f"{low}--{high}"
