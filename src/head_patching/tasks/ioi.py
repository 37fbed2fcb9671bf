"""Indirect object identification (IOI): who is given the drink?

"Then, John and Mary went to the store. John gave a drink to" is answered by the name
that is not repeated: the indirect object (IO, Mary), not the subject (S, John). The
task is Wang et al.'s (2022, arXiv 2211.00593), over all thirty of their templates;
their released code uses fourteen of the thirty when it mixes the orders.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from head_patching.lookup import find
from head_patching.tasks.corruptions import CORRUPTIONS, Names
from head_patching.tasks.draws import check_whole
from head_patching.tasks.ioi_scenes import (
    Scene,
    draw_fresh_names,
    draw_scenes,
    fill,
    usable_words,
)
from head_patching.tasks.pairs import PromptPair, PromptPairs
from head_patching.tasks.prompts import prompt_pair
from head_patching.tasks.task import Signal, Step, Task, Tracing
from head_patching.tasks.tokens import Tokenizer, resolve_prepend_bos
from head_patching.terms import Role

POSITION_NAMES = ("IO", "S1", "S1+1", "S2", "END")


def scene_pair(
    tokenizer: Tokenizer, scene: Scene, corrupt_names: Names, prepend_bos: bool
) -> PromptPair:
    """The pair of a scene and of the scene with other names in it.

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


def ioi_pairs(
    tokenizer: Tokenizer,
    n_pairs: int,
    corruption: str = "s2_io_flip",
    seed: int = 0,
    prepend_bos: bool | str = "auto",
) -> PromptPairs:
    """IOI pairs over all thirty templates; equal arguments give equal pairs.

    The clean prompts depend on tokenizer, n_pairs and seed alone, so that corruptions
    can be compared on equal prompts.

    Parameters
    ----------
    tokenizer
        A fast tokenizer of Hugging Face.
    n_pairs
        How many pairs, balanced over the thirty templates.
    corruption
        Name of a corruption in `tasks/corruptions.py`.
    seed
        Of the random draws, from 0.
    prepend_bos
        Whether a BOS token is put before each prompt; "auto" follows the tokenizer.
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
    """What prompts need of a model."""

    tokenizer: Tokenizer


class IOIDataset:
    """The IOI pairs for a model's tokenizer, for use in a notebook or script.

    Parameters
    ----------
    model
        From `load_model`; only its tokenizer is used.
    n_pairs, seed, corruption, prepend_bos
        As in `ioi_pairs`.
    """

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
            Step("path.name_mover_queries", Role.NAME_MOVER, "q", "END"),
            Step("path.s_inhibition_values", Role.S_INHIBITION, "v", "S2"),
            Step("path.induction_keys", Role.INDUCTION, "k", "S1+1"),
        ),
        knocked_out=Role.NAME_MOVER,
        # Among redundant heads, one that says the wrong name is felt sooner than one
        # that says nothing.
        also_asked=("s2_io_flip",),
        signals=(
            Signal(
                "signal.position",
                "s1_io_flip",
                senders=Role.S_INHIBITION,
                step="path.name_mover_queries",
            ),
            Signal(
                "signal.token",
                "renamed",
                senders=Role.S_INHIBITION,
                step="path.name_mover_queries",
            ),
        ),
    ),
)
