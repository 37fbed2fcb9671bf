"""head-patching switch-bos: the same prompts with or without a start token."""

from head_patching.commands._options import ModelFolder, Out, Pairs


def switch_bos(model_folder: ModelFolder, pairs: Pairs, out: Out) -> None:
    """Write the same pairs, with a begin-of-sequence token if they have none."""
    from head_patching.models.tokenizer import load_tokenizer
    from head_patching.tasks import find_task
    from head_patching.tasks.pairs import PromptPairs

    made = PromptPairs.read(pairs)
    tokenizer = load_tokenizer(model_folder / "checkpoint")
    build = find_task(made.task).build
    other = not made.prepend_bos
    switched = build(tokenizer, len(made), made.corruption, made.seed, other)
    if [pair.clean for pair in switched] != [pair.clean for pair in made]:
        raise ValueError(f"{pairs} was not made from {model_folder}: other prompts")
    switched.write(out)
