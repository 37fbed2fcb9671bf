"""head-patching show-attention: attention of the strongest heads on one prompt."""

from pathlib import Path
from typing import Annotated

import typer

from head_patching.commands._options import CacheFiles, ModelFolder, Out, Pairs


def show_attention(
    cache: CacheFiles,
    model_folder: ModelFolder,
    pairs: Pairs,
    roles: Annotated[
        Path, typer.Option(metavar="CSV", help="Roles of all heads (classify-roles).")
    ],
    evidence: Annotated[
        Path, typer.Option(metavar="CSV", help="What was measured (classify-roles).")
    ],
    out: Out,
) -> None:
    """Write the attention of the strongest head of each role on a typical prompt."""
    from head_patching.files.tables import read_table
    from head_patching.files.writing import write_table
    from head_patching.models.tokenizer import load_tokenizer
    from head_patching.patching.cache import read_cache
    from head_patching.roles.examples import attention_examples, chosen_heads
    from head_patching.tasks import PromptPairs

    prompts = PromptPairs.read(pairs)
    batches = (
        (batch.indices, batch.clean, batch.corrupt)
        for path in cache
        for batch in read_cache(path, prompts)
    )
    heads = chosen_heads(read_table("roles", roles), read_table("evidence", evidence))
    tokenizer = load_tokenizer(model_folder / "checkpoint")
    write_table(
        "attention_examples",
        out,
        attention_examples(tokenizer, prompts, batches, heads),
    )
