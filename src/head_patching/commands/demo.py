"""head-patching demo: patch every head on a few prompts and show what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from head_patching.commands._computing import Device
from head_patching.commands._options import Criteria, Threads, use_threads
from head_patching.commands._progress import progress
from head_patching.commands.patch import PatchType

if TYPE_CHECKING:
    from head_patching.models.transformer import Model
    from head_patching.tasks.ioi import IOIDataset

NOTE = """\
What was done: the corrupt prompt (second subject and indirect object exchanged) was
run once per head, with that head's {patch_type} replaced by what it is on the clean
prompt. This is denoising: an effect of +1 would say that the head alone suffices to
restore the clean answer, 0 that it changes nothing. It does not say that the head is
necessary; that is what noising asks. Intervals resample templates and are wide for a
few pairs.

  K. R. Wang, A. Variengien, A. Conmy, B. Shlegeris, J. Steinhardt: Interpretability
  in the Wild: a Circuit for Indirect Object Identification in GPT-2 Small. ICLR 2023,
  arXiv:2211.00593.
  S. Heimersheim, N. Nanda: How to use and interpret activation patching. 2024,
  arXiv:2404.15255."""


def demo(
    model: Annotated[str, typer.Option(help="Registered name, folder or hub id.")] = (
        "smollm2-135m"
    ),
    pairs: Annotated[int, typer.Option(min=1, help="Prompt pairs.")] = 3,
    patch_type: PatchType = "output",
    top: Annotated[int, typer.Option(min=1, help="Heads in the table.")] = 15,
    threshold: Annotated[float, typer.Option(min=0, help="Least |effect|.")] = 0.05,
    criteria: Criteria = Path("config/roles/ioi.yaml"),
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Patch every head on a few IOI prompts; show the strongest and their roles."""
    from rich.console import Console

    from head_patching.models.loading import load_model
    from head_patching.models.prepared import prepared_folder
    from head_patching.patching.experiment import HeadPatcher
    from head_patching.planted import construct
    from head_patching.reporting.terminal import (
        print_head_results,
        print_heatmap_ascii,
    )
    from head_patching.tasks.ioi import IOIDataset

    use_threads(threads)
    console = Console(highlight=False, markup=False)
    loaded = load_model(prepared_folder(model, construct), device)
    shape = loaded.config
    n_heads = shape.n_layers * shape.n_heads
    console.print(
        f"{shape.name}: {shape.n_layers} layers x {shape.n_heads} heads = {n_heads}"
    )
    dataset = IOIDataset(loaded, n_pairs=pairs)
    first = dataset.get_clean_corrupt_pairs()[0]
    console.print(f"{len(dataset)} IOI prompt pairs, such as")
    console.print(f"  clean    {first.clean} ->{first.answer}", soft_wrap=True)
    console.print(f"  corrupt  {first.corrupt} ->{first.wrong_answer}", soft_wrap=True)

    patcher = HeadPatcher(loaded)
    with progress(f"Patching {patch_type} of {n_heads} heads") as advance:
        results = patcher.run_all_heads_experiment(
            dataset=dataset, patch_type=patch_type, on_progress=advance
        )
    print_head_results(results, top_k=top, console=console)
    heatmap = patcher.results_to_heatmap(results)
    print_heatmap_ascii(heatmap, shape.n_layers, shape.n_heads, console=console)

    important = patcher.find_important_heads(results, threshold=threshold)
    console.print(f"\n{len(important)} heads with |effect| > {threshold:g}")
    if important and criteria and criteria.is_file():
        found = roles(loaded, dataset, threshold, criteria)
        for result in important:
            names = ", ".join(found.get((result.layer, result.head), ["not measured"]))
            effect = f"{result.patching_effect:+.3f}"
            console.print(f"  {result.name:7} {effect}  {names}")
    elif important:
        console.print(f"  (roles are not measured: {criteria} is not here)")
    console.print("\n" + NOTE.format(patch_type=patch_type), soft_wrap=True)


# Few prompts tell little of groups: a handful of random ones to compare with.
RULES = {"random_groups": 4, "random_orders": 1, "receiver_sets": 0, "seed": 0}


def roles(
    model: "Model", dataset: "IOIDataset", threshold: float, criteria: Path
) -> dict[tuple[int, int], list[str]]:
    """The roles of each head, measured on these prompts alone.

    There are too few prompts for a test of significance: of effects only the size
    counts. Empty, with one line that says why, when nothing can be measured.
    """
    from head_patching.patching.effects import Importance
    from head_patching.roles.assign import assign_roles
    from head_patching.roles.classifier import Classifier
    from head_patching.roles.criteria import read_criteria
    from head_patching.roles.evidence import evidence_on_tokens
    from head_patching.roles.groups import TraceRules
    from head_patching.roles.tracer import tracer
    from head_patching.statistics import Statistics
    from head_patching.tasks import find_task
    from head_patching.tasks.ioi import ioi_pairs
    from head_patching.terms import NO_ROLE, UNDECIDED

    pairs = dataset.get_clean_corrupt_pairs()
    classifier = Classifier(
        read_criteria(criteria),
        Importance(threshold, rate=1.0),
        Statistics(n_sign_flips=100, seed=0),
    )
    tracing = find_task(pairs.task).tracing
    traced = {
        corruption: ioi_pairs(
            model.tokenizer, len(pairs), corruption, pairs.seed, pairs.prepend_bos
        )
        for corruption in tracing.asked
    }
    try:
        trace = tracer(model, traced)
        on_tokens = evidence_on_tokens(model, 0, pairs.prepend_bos)
        table = assign_roles(trace, classifier, on_tokens, TraceRules(**RULES)).roles
    except ValueError as error:  # the table of effects was printed before
        typer.echo(f"roles are not measured: {error}")
        return {}
    by_head = table.groupby(["layer", "head"])["role"].agg(list).to_dict()
    # The head is important already, by patching.
    return {
        head: [UNDECIDED if role == NO_ROLE else role for role in own_roles]
        for head, own_roles in by_head.items()
    }
