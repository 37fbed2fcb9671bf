"""The scenes of IOI prompts: templates filled with names, a place and an object."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from head_patching.tasks.corruptions import FreshNames, Names
from head_patching.tasks.draws import most_in_turns, turns
from head_patching.tasks.ioi_templates import (
    NAMES,
    OBJECTS,
    PLACES,
    TEMPLATES,
    Template,
)
from head_patching.tasks.prompts import Spans
from head_patching.tasks.tokens import Tokenizer, enough_words

# IO, S and the three fresh names of the abc corruption.
MIN_NAMES = 5


class Vocabulary(NamedTuple):
    """The usable words: each is a single token of the tokenizer."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    objects: tuple[str, ...]


class Scene(NamedTuple):
    """A template and what fills it; the corruption is not part of it."""

    template: Template
    names: Names
    place: str
    object: str


def fill(scene: Scene) -> tuple[str, Spans]:
    """The prompt, and the (first, last + 1) characters of its IO, S1 and S2 names.

    Examples
    --------
    >>> template = Template("T", "So [B] and [A] sat. [B] gave a [OBJECT] to")
    >>> fill(Scene(template, Names("Mary", "John", "John"), "store", "drink"))
    ('So John and Mary sat. John gave a drink to', {'S1': (3, 7), 'IO': (12, 16), \
'S2': (22, 26)})
    """
    names = scene.names
    subject = iter((("S1", names.s1), ("S2", names.s2)))
    prompt, spans = "", {}
    for piece in re.split(r"(\[\w+\])", scene.template.text):
        if piece == "[PLACE]":
            prompt += scene.place
        elif piece == "[OBJECT]":
            prompt += scene.object
        elif piece in ("[A]", "[B]"):
            slot, name = ("IO", names.io) if piece == "[A]" else next(subject)
            spans[slot] = (len(prompt), len(prompt) + len(name))
            prompt += name
        else:
            prompt += piece
    return prompt, spans


def _n_scenes(template: Template, words: Vocabulary) -> tuple[int, int, int, int]:
    """How many choices a template has for IO, S, place and object."""
    return (
        len(words.names),
        len(words.names) - 1,
        len(words.places) if "[PLACE]" in template.text else 1,
        len(words.objects) if "[OBJECT]" in template.text else 1,
    )


def _scene(template: Template, choice: int, words: Vocabulary) -> Scene:
    """The scene with this number among all scenes of the template."""
    io, s, place, thing = np.unravel_index(choice, _n_scenes(template, words))
    subject = words.names[s + (s >= io)]  # the IO name itself is skipped
    names = Names(words.names[io], subject, subject)
    return Scene(template, names, words.places[place], words.objects[thing])


def draw_scenes(
    n_pairs: int, words: Vocabulary, rng: np.random.Generator
) -> list[Scene]:
    """Distinct clean prompts in random order, balanced over templates and orders.

    The templates take turns, so their counts differ by one at most; within a template
    the scenes are drawn without replacement from all possible ones.
    """
    capacities = [int(np.prod(_n_scenes(template, words))) for template in TEMPLATES]
    most = most_in_turns(capacities)
    if n_pairs > most:
        raise ValueError(
            f"n_pairs is {n_pairs}: with {len(words.names)} names, {len(words.places)}"
            f" places and {len(words.objects)} objects there are {most} distinct"
            " prompts balanced over the templates"
        )
    scenes = []
    counts = turns(n_pairs, len(TEMPLATES))
    for template, capacity, count in zip(TEMPLATES, capacities, counts, strict=True):
        for choice in rng.choice(capacity, count, replace=False).tolist():
            scenes.append(_scene(template, choice, words))
    return [scenes[i] for i in rng.permutation(n_pairs)]


def draw_fresh_names(
    names: Names, words: Sequence[str], rng: np.random.Generator
) -> FreshNames:
    """Three distinct names that are not in the prompt."""
    others = [name for name in words if name not in names]
    first, second, third = rng.choice(len(others), size=3, replace=False)
    return others[first], others[second], others[third]


def usable_words(tokenizer: Tokenizer) -> Vocabulary:
    """The names, places and objects that are single tokens in this tokenizer.

    Raises ValueError naming those left when they are too few.
    """
    return Vocabulary(
        enough_words(tokenizer, "names", NAMES, MIN_NAMES),
        enough_words(tokenizer, "places", PLACES, 1),
        enough_words(tokenizer, "objects", OBJECTS, 1),
    )
