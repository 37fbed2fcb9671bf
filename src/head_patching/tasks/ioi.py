"""Indirect object identification (IOI): who is given the drink?

"Then, John and Mary went to the store. John gave a drink to" is answered by the name
that is not repeated: the indirect object (IO, Mary), not the subject (S, John). The
task is Wang et al.'s (2022, arXiv 2211.00593), over all thirty of their templates;
their released code uses fourteen of the thirty when it mixes the orders.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from head_patching.lookup import find
from head_patching.tasks.corruptions import CORRUPTIONS, FreshNames, Names
from head_patching.tasks.draws import check_whole, most_in_turns, turns
from head_patching.tasks.ioi_templates import (
    NAMES,
    OBJECTS,
    PLACES,
    TEMPLATES,
    Template,
)
from head_patching.tasks.pairs import PromptPair, PromptPairs
from head_patching.tasks.prompts import Spans, prompt_pair
from head_patching.tasks.task import Signal, Step, Task, Tracing
from head_patching.tasks.tokens import Tokenizer, enough_words, resolve_prepend_bos

POSITION_NAMES = ("IO", "S1", "S1+1", "S2", "END")

# IO, S and the three fresh names of the abc corruption.
MIN_NAMES = 5


class Vocabulary(NamedTuple):
    """The words at hand, each a single token in the tokenizer in use."""

    names: tuple[str, ...]
    places: tuple[str, ...]
    objects: tuple[str, ...]


class Scene(NamedTuple):
    """What fills one template: everything but the corruption."""

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
    the scenes are drawn without replacement from all there are.
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
    shares = turns(n_pairs, len(TEMPLATES))
    for template, capacity, share in zip(TEMPLATES, capacities, shares, strict=True):
        for choice in rng.choice(capacity, share, replace=False).tolist():
            scenes.append(_scene(template, choice, words))
    return [scenes[i] for i in rng.permutation(n_pairs)]


def draw_fresh_names(
    names: Names, words: Sequence[str], rng: np.random.Generator
) -> FreshNames:
    """Three distinct names that are not in the prompt."""
    others = [name for name in words if name not in names]
    first, second, third = rng.choice(len(others), size=3, replace=False)
    return others[first], others[second], others[third]


def scene_pair(
    tokenizer: Tokenizer, scene: Scene, corrupt_names: Names, prepend_bos: bool
) -> PromptPair:
    """The pair of a scene and the same scene with other names in it.

    Raises ValueError, with the prompts, when their lengths or named positions differ.
    """
    return prompt_pair(
        tokenizer,
        fill(scene),
        fill(scene._replace(names=corrupt_names)),
        POSITION_NAMES,
        (scene.names.io, scene.names.s1),
        scene.template.label,
        prepend_bos,
    )


def usable_words(tokenizer: Tokenizer) -> Vocabulary:
    """The names, places and objects that are single tokens in this tokenizer.

    Raises ValueError naming what is left when that is too little.
    """
    return Vocabulary(
        enough_words(tokenizer, "names", NAMES, MIN_NAMES),
        enough_words(tokenizer, "places", PLACES, 1),
        enough_words(tokenizer, "objects", OBJECTS, 1),
    )


def ioi_pairs(
    tokenizer: Tokenizer,
    n_pairs: int,
    corruption: str = "s2_io_flip",
    seed: int = 0,
    prepend_bos: bool | str = "auto",
) -> PromptPairs:
    """IOI pairs over all thirty templates; the same arguments give the same pairs.

    The clean prompts depend on n_pairs and seed alone, so that corruptions can be
    compared on the same prompts.
    """
    check_whole("n_pairs", n_pairs, 1)
    check_whole("seed", seed, 0)
    corrupt = find("corruption", corruption, CORRUPTIONS)
    bos = resolve_prepend_bos(tokenizer, prepend_bos)
    words = usable_words(tokenizer)
    rng = np.random.default_rng(seed)
    scenes = draw_scenes(n_pairs, words, rng)
    pairs = []
    for scene in scenes:
        fresh = draw_fresh_names(scene.names, words.names, rng)
        corrupt_names = corrupt(scene.names, fresh)
        pairs.append(scene_pair(tokenizer, scene, corrupt_names, bos))
    return PromptPairs("ioi", corruption, bos, seed, tuple(pairs))


@runtime_checkable
class HasTokenizer(Protocol):
    """A model, as far as prompts are concerned."""

    tokenizer: Tokenizer


class IOIDataset:
    """The IOI pairs for a model's tokenizer, for use in a notebook or script."""

    def __init__(
        self,
        model: HasTokenizer,
        n_pairs: int = 60,
        seed: int = 0,
        corruption: str = "s2_io_flip",
        prepend_bos: bool | str = "auto",
    ) -> None:
        self.pairs = ioi_pairs(model.tokenizer, n_pairs, corruption, seed, prepend_bos)

    def __len__(self) -> int:
        return len(self.pairs)

    def get_clean_corrupt_pairs(self) -> PromptPairs:
        """The pairs, each with its clean and corrupt prompt, tokens and answers."""
        return self.pairs


# Wang et al. 2022: section 3 for the steps, appendix B for the corruption of paths,
# appendix A for the two signals.
TASK = Task(
    name="ioi",
    build=ioi_pairs,
    corruptions=tuple(CORRUPTIONS),
    position_names=POSITION_NAMES,
    attention={
        "attention.END.IO": ("END", ("IO",)),
        "attention.END.S1": ("END", ("S1",)),
        "attention.END.S2": ("END", ("S2",)),
        "attention.END.S": ("END", ("S1", "S2")),
        "attention.S2.S1": ("S2", ("S1",)),
        "attention.S2.S1+1": ("S2", ("S1+1",)),
        "attention.S1+1.S1": ("S1+1", ("S1",)),
    },
    copied=("IO", "S1", "S2"),
    tracing=Tracing(
        corruption="abc",
        steps=(
            Step("path.name_mover_queries", "name mover", "q", "END"),
            Step("path.s_inhibition_values", "S-inhibition", "v", "S2"),
            Step("path.induction_keys", "induction", "k", "S1+1"),
        ),
        knocked_out="name mover",
        signals=(
            Signal(
                "signal.position",
                "s1_io_flip",
                senders="S-inhibition",
                step="path.name_mover_queries",
            ),
            Signal(
                "signal.token",
                "renamed",
                senders="S-inhibition",
                step="path.name_mover_queries",
            ),
        ),
    ),
)
