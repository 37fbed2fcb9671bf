"""head-patching make-pairs: from a tokenizer to prompt pairs."""

from enum import StrEnum
from typing import Annotated

import typer

from head_patching.commands._options import ModelFolder, Out, Seed


class PrependBos(StrEnum):
    """Whether prompts begin with the begin-of-sequence token."""

    AUTO = "auto"
    TRUE = "true"
    FALSE = "false"

    def resolve(self) -> str | bool:
        """`"auto"`, True or False, as the tasks take it."""
        return "auto" if self is PrependBos.AUTO else self is PrependBos.TRUE


def make_pairs(
    model_folder: ModelFolder,
    corruption: Annotated[str, typer.Option(help="How the corrupt prompt differs.")],
    n_pairs: Annotated[int, typer.Option(min=1, help="How many pairs.")],
    seed: Seed,
    out: Out,
    task: Annotated[str, typer.Option(help="Which behaviour.")] = "ioi",
    prepend_bos: Annotated[
        PrependBos,
        typer.Option(
            case_sensitive=False, help="auto: as the tokenizer does by default."
        ),
    ] = PrependBos.AUTO,
) -> None:
    """Write prompt pairs of a task, each prompt checked in the model's tokens."""
    from head_patching.models.tokenizer import load_tokenizer
    from head_patching.tasks import find_task

    build = find_task(task).build
    tokenizer = load_tokenizer(model_folder / "checkpoint")
    build(tokenizer, n_pairs, corruption, seed, prepend_bos.resolve()).write(out)
