"""Options and settings of planted models, which several subcommands share."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import typer

from head_patching.terms import SHARED

if TYPE_CHECKING:
    from head_patching.planted.circuit import PlantedModel

# In place of a setting: models of successive seeds have each of those that there are.
BY_SEED = "by-seed"

Redundancy = Annotated[
    str,
    typer.Option(help="How many heads do each job alone (1, 2, 3), or shared."),
]
Attention = Annotated[
    str | None,
    typer.Option(
        help="How receivers respond: soft or saturated. Without it: soft for shared "
        "jobs, else saturated."
    ),
]
Wiring = Annotated[
    str,
    typer.Option(help="What S-inhibition heads write: both, place, token, separate."),
]


Settings = Mapping[str, Sequence[Any]]


def planted_models(settings: Settings, seeds: str) -> "list[PlantedModel]":
    """A model of each seed with each combination of settings.

    Parameters
    ----------
    settings
        What each setting is to be, by its name in `PlantedModel`. Attention and wiring
        may be `by-seed`: in turn; or None: soft and both where heads share a job, else
        saturated and in turn.
    seeds
        As `seed_numbers` reads them.

    Raises
    ------
    ValueError
        When a model would be there twice.
    """
    models = [
        planted_model(dict(zip(settings, values, strict=True)), seed)
        for values in product(*settings.values())
        for seed in seed_numbers(seeds)
    ]
    if len({*models}) < len(models):
        raise ValueError(
            f"{BY_SEED} stands beside a setting that it includes: some models would be "
            "scored twice"
        )
    return models


def models_in_turn(settings: Settings, seeds: str) -> "list[PlantedModel]":
    """A model of each seed, architecture and noise level; the others are taken in turn.

    The architectures begin as far apart as they can, so that a few seeds of all of them
    have every setting.

    Parameters
    ----------
    settings, seeds
        As in `planted_models`.
    """
    from head_patching.planted.circuit import ARCHITECTURES

    each = {key: settings[key] for key in ("architecture", "noise")}
    turns = [*product(*(settings[key] for key in settings if key not in each))]
    names = [key for key in settings if key not in each]
    models = []
    for architecture, noise in product(*each.values()):
        number = ARCHITECTURES.index(architecture)
        apart = number * len(turns) // len(ARCHITECTURES)
        for turn, seed in enumerate(seed_numbers(seeds), apart):
            # What null models lack takes turns by seed, too: not with equal settings.
            turn += turn // len(turns)
            chosen = dict(zip(names, turns[turn % len(turns)], strict=True))
            chosen |= {"architecture": architecture, "noise": noise}
            models.append(planted_model(chosen, seed))
    return models


def planted_model(settings: Mapping[str, Any], seed: int) -> "PlantedModel":
    """The model of a seed, with the attention and wiring that settings leave open."""
    from head_patching.planted.circuit import PlantedModel
    from head_patching.roles.validation import in_turn

    turn = in_turn(seed)
    plain = {"attention": "soft", "wiring": "both"}
    redundant = {"attention": "saturated", "wiring": turn["wiring"]}
    usual = plain if settings["redundancy"] is None else redundant
    found = {None: usual, BY_SEED: turn}
    chosen = {key: found.get(settings[key], settings)[key] for key in plain}
    return PlantedModel(seed=seed, **settings | chosen)


def each_once(kind: str, texts: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    """What each text says, in their order.

    Parameters
    ----------
    kind
        Of setting, for the message.
    read
        What a text means; it refuses those that mean nothing.

    Raises
    ------
    ValueError
        When two say the same: their models would be scored twice.
    """
    values = [read(text) for text in texts]
    if len({*values}) < len(values):
        raise ValueError(f"{kind} {', '.join(texts)}: two of them are the same")
    return values


def seed_numbers(text: str) -> list[int]:
    """The seeds that a text like 0-4,7 names.

    Raises
    ------
    ValueError
        When it is not written like that.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"seeds {text!r}: expected numbers or ranges like 0-9,12")
        span = range(int(first), int(last or first) + 1)
        if not span:
            raise ValueError(f"seeds {text!r}: {part.strip()} holds no number")
        numbers += span
    return sorted(set(numbers))


def redundancy_level(text: str) -> int | None:
    """How many heads do a job alone; None where they share it.

    Raises
    ------
    ValueError
        When it is neither a number that can be planted nor `shared`.
    """
    from head_patching.planted.circuit import MOST_REDUNDANT

    if text == SHARED:
        return None
    if text.isdecimal() and 1 <= int(text) <= MOST_REDUNDANT:
        return int(text)
    raise ValueError(
        f"redundancy {text!r}: expected {SHARED!r} or a whole number from 1 to "
        f"{MOST_REDUNDANT}"
    )


def noise_level(text: str, default: float) -> float:
    """A noise level, by number or as `default`.

    Raises
    ------
    ValueError
        When it is neither, or negative.
    """
    if text == "default":
        return default
    try:
        level = float(text)
    except ValueError:
        level = -1.0
    if not 0 <= level < float("inf"):
        raise ValueError(f"noise {text!r}: expected 'default' or a number from 0 on")
    return level
