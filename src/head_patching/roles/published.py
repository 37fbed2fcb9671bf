"""Values and role tables from the literature: to compare with, never to decide.

Wang et al. 2022, "Interpretability in the Wild: a Circuit for Indirect Object
Identification in GPT-2 small" (ICLR 2023), names 26 heads of GPT-2 small. Its text and
its released code do not agree everywhere; `DISCREPANCIES` says where.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

PAPER = "https://arxiv.org/abs/2211.00593"
CODE = "https://github.com/redwoodresearch/Easy-Transformer/tree/ea15315"
MODEL = "gpt2-small"

Heads = tuple[tuple[int, int], ...]

ROLES: dict[str, Heads] = {
    "name mover": ((9, 6), (9, 9), (10, 0)),
    "negative name mover": ((10, 7), (11, 10)),
    "S-inhibition": ((7, 3), (7, 9), (8, 6), (8, 10)),
    "duplicate token": ((0, 1), (0, 10), (3, 0)),
    "induction": ((5, 5), (5, 8), (5, 9), (6, 9)),
    "previous token": ((2, 2), (4, 11)),
    "backup name mover": (
        (9, 0),
        (9, 7),
        (10, 1),
        (10, 2),
        (10, 6),
        (10, 10),
        (11, 2),
        (11, 9),
    ),
}

SECTIONS: dict[str, str] = {
    "name mover": "section 3.1",
    "negative name mover": "section 3.1",
    "S-inhibition": "section 3.2",
    "duplicate token": "section 3.3, appendices C and I",
    "induction": "section 3.3, appendices C and H",
    "previous token": "appendices D and H",
    "backup name mover": "section 3.4, appendix F",
}

# Induction heads of GPT-2 small by their attention on repeated random tokens, of which
# the solutions of the ARENA course say "all strongly induction-y".
INDUCTION: Heads = ((5, 1), (5, 5), (6, 9), (7, 2), (7, 10))
INDUCTION_SOURCE = "https://github.com/callummcdougall/ARENA_3.0"

# Of role: the mean over the heads that the paper gives it, or over all heads.
ALL_HEADS = "all heads"

# Criterion (a metric of the clean run, or one of evidence.csv), role, comparison of the
# true value with the published one, published value, where it is published.
VALUES: tuple[tuple[str, str, str, float, str], ...] = (
    ("logit_diff", "", "=", 3.56, "section 2"),
    ("accuracy", "", "=", 0.993, "section 2"),
    ("probability", "", "=", 0.49, "section 2"),
    ("attention.END.IO", "name mover", "=", 0.59, "section 3.1"),
    ("copy_score", "name mover", ">", 0.95, "section 3.1"),
    ("copy_score", ALL_HEADS, "<", 0.20, "section 3.1"),
    ("negative_copy_score", "negative name mover", "=", 0.98, "section 3.1"),
    ("negative_copy_score", ALL_HEADS, "=", 0.12, "section 3.1"),
    ("attention.END.S2", "S-inhibition", "=", 0.51, "section 3.2"),
)

# Heads the paper itself calls fuzzy: they do not pass all the tests of their role.
FUZZY: Heads = ((0, 10), (5, 8), (5, 9))


@dataclass(frozen=True)
class Discrepancy:
    """One thing on which paper and released code differ."""

    topic: str
    paper: str
    code: str


DISCREPANCIES = (
    Discrepancy("names", "100 English first names (appendix E)", "99 distinct names"),
    Discrepancy(
        "places and objects", "20 common words (appendix E)", "8 places and 8 objects"
    ),
    Discrepancy(
        "templates",
        "15, each in both orders (appendix E)",
        "prompt_type 'mixed' uses the first 7 of each order",
    ),
    Discrepancy(
        "mean logit difference",
        "3.56 (section 2), 3.55 (figure 8)",
        "not stored; 100 unseeded prompts by default",
    ),
    Discrepancy(
        "three unrelated names (ABC)",
        "unrelated to each other (section 2.1)",
        "the replacements of S1 and S2 are not checked against the other names",
    ),
    Discrepancy(
        "random tokens",
        "100 tokens drawn from the vocabulary (appendix H)",
        "ids 1000 to 9999",
    ),
    Discrepancy(
        "name mover list",
        "3 name movers and 8 backup name movers",
        "one list of 11 heads",
    ),
    Discrepancy(
        "duplicate token heads",
        "0.1, 0.10 and 3.0",
        "the same, and 7.1 in a comment, 'unclear'",
    ),
    Discrepancy(
        "previous token heads",
        "2.2 and 4.11",
        "the same, and 2.9, 3.3, 3.6, 3.7, 4.3, 4.7, 5.6 in comments",
    ),
)


def published_roles(model: str) -> "pd.DataFrame":
    """The published roles of a model's heads; no rows if nothing is published of it.

    Columns layer, head, role, fuzzy (0/1), section, source; sorted by layer and head.

    Examples
    --------
    >>> table = published_roles("gpt2-small")
    >>> len(table), int(table["fuzzy"].sum())
    (26, 3)
    """
    import pandas as pd

    rows = [
        (layer, head, role, int((layer, head) in FUZZY), SECTIONS[role], PAPER)
        for role, heads in ROLES.items()
        for layer, head in heads
        if model == MODEL
    ]
    columns = ["layer", "head", "role", "fuzzy", "section", "source"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["layer", "head"], ignore_index=True)


def published_heads(model: str) -> dict[str, Heads]:
    """The published heads of a model, by role; empty if nothing is published of it.

    Examples
    --------
    >>> published_heads("gpt2-small")["name mover"]
    ((9, 6), (9, 9), (10, 0))
    """
    return dict(ROLES) if model == MODEL else {}


def published_values(model: str) -> "pd.DataFrame":
    """The published measurements on a model; no rows if nothing is published of it.

    Columns criterion, role (empty for behaviour, else of which heads it is the mean),
    comparison (`=`, `>` or `<`), published (in logits, or a share), section, source; in
    the paper's order.

    Examples
    --------
    >>> table = published_values("gpt2-small")
    >>> len(table), float(table["published"].iloc[0])
    (9, 3.56)
    """
    import pandas as pd

    rows = [(*value, PAPER) for value in VALUES if model == MODEL]
    columns = ["criterion", "role", "comparison", "published", "section", "source"]
    return pd.DataFrame(rows, columns=columns)


def published_induction_heads(model: str) -> "pd.DataFrame":
    """The induction heads that re-implementations report; no rows for other models.

    Columns layer, head, source; sorted by layer and head.

    Examples
    --------
    >>> len(published_induction_heads("gpt2-small"))
    5
    """
    import pandas as pd

    heads = INDUCTION if model == MODEL else ()
    rows = [(layer, head, INDUCTION_SOURCE) for layer, head in heads]
    return pd.DataFrame(rows, columns=["layer", "head", "source"])
