"""head-patching measure-evidence: attention, direct effects and copying of heads."""

from head_patching.commands._computing import Device, Dtype
from head_patching.commands._options import (
    CacheFiles,
    ModelFolder,
    Out,
    Pairs,
    Seed,
    Threads,
    use_threads,
)


def measure_evidence(
    cache: CacheFiles,
    model_folder: ModelFolder,
    pairs: Pairs,
    seed: Seed,
    out: Out,
    device: Device = "auto",
    dtype: Dtype = "float32",
    threads: Threads = 0,
) -> None:
    """Measure attention, direct effect, copying and induction scores of every head."""
    from head_patching.files.writing import write_dataset
    from head_patching.models.loading import load_model
    from head_patching.patching.cache import read_cache
    from head_patching.roles import evidence
    from head_patching.roles.measured import to_dataset
    from head_patching.tasks.pairs import PromptPairs

    use_threads(threads)
    model, prompts = load_model(model_folder, device, dtype), PromptPairs.read(pairs)
    batches = (
        (batch.indices, batch.clean, batch.corrupt)
        for path in cache
        for batch in read_cache(path, prompts, model)
    )
    measured = evidence.measure_evidence(model, prompts, batches, seed)
    write_dataset(out, to_dataset(measured))
