"""Induction: what followed last time?

"Then, ring bank drink park key drink" is answered by the word that followed the earlier
"drink": park. The answer is B, because A B was there before and A is there again. The
task is that of the induction heads of Elhage et al. (2021) and Olsson et al. (2022,
arXiv 2209.11895), on prompts of our own: random words, where the repetition alone
determines the answer, and sentences.
"""

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from head_patching.lookup import find
from head_patching.tasks.draws import check_whole, most_in_turns, turns
from head_patching.tasks.induction_corruptions import CORRUPTIONS, Fresh, Slots
from head_patching.tasks.induction_frames import capacity, usable_frames
from head_patching.tasks.induction_words import Frame
from head_patching.tasks.pairs import PromptPair, PromptPairs
from head_patching.tasks.prompts import Spans, prompt_pair
from head_patching.tasks.task import Step, Task, Tracing
from head_patching.tasks.tokens import Tokenizer, resolve_prepend_bos
from head_patching.terms import Role

# END is the second A.
POSITION_NAMES = ("A1", "B1", "END")


class Scene(NamedTuple):
    """A clean prompt, in parts, and fresh words for its corruption."""

    label: str
    before: str
    slots: Slots
    between: str
    end: str
    fresh: Fresh


def fill(scene: Scene) -> tuple[str, Spans]:
    """The prompt, and the (first, last + 1) characters of its slots A1 and B1.

    Examples
    --------
    >>> slots, fresh = Slots("ring", "bank", "drink", "park"), Fresh("box", "hat")
    >>> fill(Scene("words-03", "Then,", slots, " key", "drink", fresh))
    ('Then, ring bank drink park key drink', {'A1': (16, 21), 'B1': (22, 26)})
    """
    first, second, a, b = scene.slots
    start = f"{scene.before} {first} {second} "
    a1, b1 = len(start), len(start) + len(a) + 1
    spans = {"A1": (a1, a1 + len(a)), "B1": (b1, b1 + len(b))}
    return f"{start}{a} {b}{scene.between} {scene.end}", spans


def draw_words(
    words: Sequence[str], taken: Collection[str], n_words: int, rng: np.random.Generator
) -> list[str]:
    """Distinct words that are not taken."""
    left = [word for word in words if word not in taken]
    return [left[i] for i in rng.choice(len(left), n_words, replace=False)]


def draw_scene(frame: Frame, rng: np.random.Generator) -> Scene:
    """One filling of the frame, in which all words drawn are distinct."""
    [a] = draw_words(frame.first, (), 1, rng)
    b, *others = draw_words(frame.second, [a], 1 + frame.text.count("[W]"), rng)
    drawn = [a, b, *others]
    [fresh_a] = draw_words(frame.first, drawn, 1, rng)
    [fresh_b] = draw_words(frame.second, [*drawn, fresh_a], 1, rng)
    words = iter(others)
    text = re.sub(r"\[W\]", lambda _: next(words), frame.text)
    start, between = text.removesuffix(" [A]").split(" [A] [B]")
    before, first, second = start.rsplit(" ", 2)
    slots = Slots(first, second, a, b)
    return Scene(frame.label, before, slots, between, a, Fresh(fresh_a, fresh_b))


def draw_scenes(
    n_pairs: int, frames: Sequence[Frame], rng: np.random.Generator
) -> list[Scene]:
    """Distinct clean prompts in random order, balanced over the frames."""
    most = most_in_turns([capacity(frame) for frame in frames])
    if n_pairs > most:
        raise ValueError(
            f"n_pairs is {n_pairs}: with the words of this tokenizer there are {most}"
            f" distinct prompts balanced over {len(frames)} frames"
        )
    scenes: dict[str, Scene] = {}  # clean prompt -> scene
    for frame, count in zip(frames, turns(n_pairs, len(frames)), strict=True):
        enough = len(scenes) + count
        while len(scenes) < enough:
            scene = draw_scene(frame, rng)
            scenes.setdefault(fill(scene)[0], scene)
    found = list(scenes.values())
    return [found[i] for i in rng.permutation(n_pairs)]


def scene_pair(
    tokenizer: Tokenizer, scene: Scene, corrupt_slots: Slots, prepend_bos: bool
) -> PromptPair:
    """The pair of a scene and of the scene with other words in its slots.

    The wrong answer is the fresh word for B in every corruption.
    """
    return prompt_pair(
        tokenizer,
        fill(scene),
        fill(scene._replace(slots=corrupt_slots)),
        POSITION_NAMES,
        (scene.slots.b, scene.fresh.b),
        scene.label,
        prepend_bos,
    )


def induction_pairs(
    tokenizer: Tokenizer,
    n_pairs: int,
    corruption: str = "b1_replaced",
    seed: int = 0,
    prepend_bos: bool | str = "auto",
) -> PromptPairs:
    """Induction pairs of both kinds; equal arguments give equal pairs.

    The clean prompts and both answers depend on tokenizer, n_pairs and seed alone, so
    that corruptions can be compared on equal prompts.

    Parameters
    ----------
    tokenizer
        A fast tokenizer of Hugging Face.
    n_pairs
        How many pairs, balanced over the frames.
    corruption
        Name of a corruption in `tasks/induction_corruptions.py`.
    seed
        Of the random draws, from 0.
    prepend_bos
        Whether a BOS token is put before each prompt; "auto" follows the tokenizer.
    """
    check_whole("n_pairs", n_pairs, 1)
    check_whole("seed", seed, 0)
    corrupt = find("corruption", corruption, CORRUPTIONS)
    bos = resolve_prepend_bos(tokenizer, prepend_bos)
    scenes = draw_scenes(n_pairs, usable_frames(tokenizer), np.random.default_rng(seed))
    pairs = [
        scene_pair(tokenizer, scene, corrupt(scene.slots, scene.fresh), bos)
        for scene in scenes
    ]
    return PromptPairs("induction", corruption, bos, seed, tuple(pairs))


# Elhage et al. 2021: previous token heads write into the keys of induction heads.
TASK = Task(
    name="induction",
    build=induction_pairs,
    corruptions=tuple(CORRUPTIONS),
    position_names=POSITION_NAMES,
    attention={
        "attention.END.A1": ("END", ("A1",)),
        "attention.END.B1": ("END", ("B1",)),
        "attention.B1.A1": ("B1", ("A1",)),
    },
    copied=("A1", "B1"),
    tracing=Tracing(
        corruption="unrelated",
        steps=(Step("path.induction_keys", Role.INDUCTION, "k", "B1"),),
        knocked_out=Role.INDUCTION,
    ),
)
