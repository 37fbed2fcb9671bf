"""Induction: what followed last time?

"Then, ring bank drink park key drink" is answered by the word that followed the earlier
"drink": park. B is asked for because A B was there before, and A is there again. The
task is that of the induction heads of Elhage et al. (2021) and Olsson et al. (2022,
arXiv 2209.11895), on prompts of our own: random words, where nothing but the repetition
tells the answer, and sentences.
"""

import math
import re
from collections.abc import Collection, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

import numpy as np

from head_patching.lookup import find
from head_patching.tasks.draws import check_whole, most_in_turns, turns
from head_patching.tasks.induction_corruptions import CORRUPTIONS, Fresh, Slots
from head_patching.tasks.induction_words import (
    SURNAMES,
    TEXT_FRAMES,
    WORD_FRAMES,
    WORDS,
    Frame,
)
from head_patching.tasks.ioi_templates import NAMES
from head_patching.tasks.pairs import PromptPair, PromptPairs
from head_patching.tasks.prompts import Spans, prompt_pair
from head_patching.tasks.task import Step, Task, Tracing
from head_patching.tasks.tokens import (
    Tokenizer,
    encode,
    enough_words,
    resolve_prepend_bos,
    single_token_words,
)

# END is the second A.
POSITION_NAMES = ("A1", "B1", "END")

# The longest prompt of random words holds 19, and two more are fresh.
MIN_WORDS = 25

# A, B and a fresh word for each, should the two be drawn from the same words.
MIN_CHOICE = 4


class Scene(NamedTuple):
    """A clean prompt, in parts, and fresh words: everything but the corruption."""

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


def text_words(text: str) -> set[str]:
    """The words of a text, without its slots, in lower case.

    Examples
    --------
    >>> sorted(text_words("Then, [W] the words [A] [B]. Again [A]"))
    ['again', 'the', 'then', 'words']
    """
    return set(re.findall(r"\w+", re.sub(r"\[\w\]", "", text).lower()))


def usable(tokenizer: Tokenizer, frame: Frame, known: Collection[str]) -> Frame | None:
    """The frame with the known words that its own text leaves to it.

    None if a word of the text is unknown to the tokenizer, since unknown words would be
    repetitions; if one before the pair is not a single token; or if too few are left.
    """
    unknown = getattr(tokenizer, "unk_token_id", None)
    plain = re.sub(r" \[\w\]", "", frame.text)
    if unknown in encode(tokenizer, plain, prepend_bos=False).tokens:
        return None
    before = frame.text.split(" [A] [B]")[0].split()[-2:]
    neighbours = [word for word in before if word != "[W]"]
    if len(single_token_words(tokenizer, neighbours)) < len(neighbours):
        return None
    taken = text_words(frame.text)
    left = {word for word in known if word.lower() not in taken}
    first, second = (
        tuple(word for word in words if word in left)
        for words in (frame.first, frame.second)
    )
    if min(len(first), len(second)) < MIN_CHOICE:
        return None
    return frame._replace(first=first, second=second)


def usable_frames(tokenizer: Tokenizer) -> list[Frame]:
    """The usable frames of both kinds in turns, as long as there are both.

    Raises ValueError when the tokenizer knows too few words.
    """
    words = enough_words(tokenizer, "words", WORDS, MIN_WORDS)
    known = {*words, *single_token_words(tokenizer, NAMES + SURNAMES)}
    kinds = (
        filter(None, (usable(tokenizer, frame, known) for frame in frames))
        for frames in (WORD_FRAMES, TEXT_FRAMES)
    )
    return [frame for frame in chain(*zip_longest(*kinds)) if frame]


def capacity(frame: Frame) -> int:
    """How many clean prompts a frame gives; its two lists are the same or disjoint.

    Examples
    --------
    >>> capacity(Frame("", "So it is [A] [B] [W] [A]", tuple("abcd"), tuple("abcd")))
    24
    >>> capacity(Frame("", "So it is [A] [B]: [A]", tuple("abc"), tuple("de")))
    6
    """
    others = len(frame.second) - (frame.first == frame.second)
    return len(frame.first) * math.perm(others, 1 + frame.text.count("[W]"))


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
    for frame, share in zip(frames, turns(n_pairs, len(frames)), strict=True):
        enough = len(scenes) + share
        while len(scenes) < enough:
            scene = draw_scene(frame, rng)
            scenes.setdefault(fill(scene)[0], scene)
    found = list(scenes.values())
    return [found[i] for i in rng.permutation(n_pairs)]


def scene_pair(
    tokenizer: Tokenizer, scene: Scene, corrupt_slots: Slots, prepend_bos: bool
) -> PromptPair:
    """The pair of a scene and the same scene with other words in its slots.

    The wrong answer is the fresh word for B, whatever the corrupt prompt holds.
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
    """Induction pairs of both kinds; the same arguments give the same pairs.

    The clean prompts and both answers depend on n_pairs and seed alone, so that
    corruptions can be compared on the same prompts.
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
        steps=(Step("path.induction_keys", "induction", "k", "B1"),),
        knocked_out="induction",
    ),
)
