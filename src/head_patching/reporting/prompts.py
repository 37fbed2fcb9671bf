"""The prompts: how many, how long, how they were corrupted, and one example."""

from collections.abc import Sequence

import pandas as pd

from head_patching.files.pairs_file import PairsFile
from head_patching.reporting.discovery import numbers
from head_patching.reporting.keys import Numbers, flag, slug
from head_patching.reporting.rounding import escape


@numbers
def prompt_numbers(pairs: PairsFile, corruptions: Sequence[str]) -> Numbers:
    """Number and length of the prompts, their corruption, and the first pair."""
    header, records = pairs
    lengths = [len(pair["clean_tokens"]) for pair in records]
    groups = pd.Series([pair["template"] for pair in records]).value_counts()
    example = records[0]
    of_pairs = {
        "data/n-pairs": str(len(records)),
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
    return of_pairs | {
        f"data/corruption-is/{slug(name)}": flag(header["corruption"] == name)
        for name in corruptions
    }


def _pairs(low: int, high: int) -> str:
    """How many pairs: `one pair`, `2 pairs`, `2--3 pairs`."""
    return "one pair" if high == 1 else f"{_span(low, high)} pairs"


def _span(low: int, high: int) -> str:
    """One number, or the range from low to high."""
    return str(low) if low == high else f"{low}--{high}"
