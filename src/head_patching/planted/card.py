"""The model card of a planted model: what it is, how it was made, how to score."""

import shlex
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from head_patching.planted.circuit import DECOYS, ROLES, PlantedModel
from head_patching.terms import SHARED, head_name

TEMPLATE = Path(__file__).with_name("card.md.jinja")


def model_card(planted: PlantedModel, name: str) -> str:
    """The card as Markdown, with the header that model hubs read.

    Parameters
    ----------
    name
        Of the checkpoint's folder, for the examples.
    """
    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    roles = {
        role: ([head_name(each.layer, each.head) for each in heads], ROLES[role])
        for role, heads in planted.circuit.items()
    }
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        planted=planted,
        name=name,
        roles=roles,
        decoys=DECOYS,
        command=plant_command(planted, name),
        version=version("head-patching"),
    )


def plant_command(planted: PlantedModel, out: str) -> str:
    """The command that makes the model, with every setting that is not its default."""
    whole = PlantedModel(planted.architecture, planted.seed)
    words = ["head-patching", "plant", "--architecture", planted.architecture]
    words += ["--redundancy", str(planted.redundancy or SHARED)]
    words += ["--attention", planted.attention, "--wiring", planted.wiring]
    words += [word for kind in planted.decoys for word in ("--decoys", kind)]
    words += [word for role in planted.without for word in ("--without", role)]
    if (planted.n_layers, planted.n_heads) != (whole.n_layers, whole.n_heads):
        words += ["--layers", str(planted.n_layers), "--heads", str(planted.n_heads)]
    words += ["--noise", f"{planted.noise:g}", "--seed", str(planted.seed)]
    return shlex.join([*words, "--out", out])
