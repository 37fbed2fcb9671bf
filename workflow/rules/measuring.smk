"""Inputs and memory of the rules that patch and measure."""


def model_memory(copies):
    """Megabytes for a job that holds this many copies of a model's weights at its peak.

    While weights are read there are two: as in the file, and fused. The rest is for
    libraries, and for the activations of one batch.
    """

    def of_model(wildcards, input):
        weights = f"results/{wildcards.model}/model/weights.safetensors"
        return 2500 + copies * os.path.getsize(weights) // 10**6

    return of_model


def model_name(wildcards):
    """A model's name as the config has it."""
    return MODELS.get(wildcards.model, wildcards.model)


def model_files(wildcards):
    """The files of a model that is a folder or a file of this machine."""
    source = find_source(model_name(wildcards))
    if not isinstance(source, FolderModel | GgufModel):
        return []
    return [str(path) for path in source.files]


def cache(wildcards):
    """The cached activations of all pairs."""
    n_pairs = config["tasks"][wildcards.task]["n_pairs"]
    n_files = -(-n_pairs // config["pairs_per_file"])
    folder = "results/{model}/{task}/{corruption}/cache".format(**wildcards)
    return [f"{folder}/{number:03d}.safetensors" for number in range(n_files)]


# The folders of patched runs: at all positions, and at one position at a time.
PATCHING = "results/{model}/{task}/{corruption}/patching"
POSITIONED = "results/{model}/{task}/{corruption}/positions"


def in_directions(path):
    """A path for each direction, its other wildcards as they are."""
    return expand(path, direction=config["directions"], allow_missing=True)


def parts(task):
    """Names of the shards into which a task's patched runs are cut, if they are."""
    count = min(config["shards"], config["tasks"][task]["n_pairs"])
    return [f"{n}-of-{count}" for n in range(1, count + 1)] if count > 1 else []


def shards_of(run):
    """All shards of a patched run, of which the path has wildcards."""
    return lambda wildcards: [
        f"{run.format(**wildcards)}/{part}.nc" for part in parts(wildcards.task)
    ]


def traced_pairs(wildcards):
    """The pairs of every corruption that a task's paths are traced with."""
    folder = f"results/{wildcards.model}/{wildcards.task}"
    corruptions = find_task(wildcards.task).tracing.corruptions
    bos = os.path.splitext(wildcards.corruption)[1]
    return [f"{folder}/{corruption}{bos}/pairs.jsonl" for corruption in corruptions]


def patched_in_all_tasks(wildcards):
    """Output patching of a model in every task and direction."""
    folders = [
        f"results/{wildcards.model}/{task}/{settings['corruption']}"
        for task, settings in config["tasks"].items()
    ]
    return expand(
        "{folder}/patching/{direction}_output.nc",
        folder=folders,
        direction=config["directions"],
    )


# What is compared between models, and between both settings of the begin-of-sequence
# token: what the commands take. `replicate` takes a model by its name.
COMPARED = register.inputs_of(
    "src/head_patching/commands/compare_models.py", "compare_models"
)
BOTH_BOS = [
    name
    for name in register.inputs_of(
        "src/head_patching/commands/replicate.py", "replicate"
    )
    if name != "model"
]


def result_of(folder, name):
    """Where a table of an experiment, or of its model, is."""
    folders = Folders(Path("results"), Path(folder).parents[1], {"": Path(folder)})
    return folders.path(name).as_posix()


def compared(wildcards):
    """Results of every experiment of all models; no file if there is one model."""
    if len(MODELS) == 1:
        return {}
    return {
        name: [result_of(folder, name) for folder in EXPERIMENTS] for name in COMPARED
    }


def both_bos(wildcards):
    """Results with both settings of the begin-of-sequence token, the configured first."""
    if not published_heads(wildcards.model):
        return {}
    folder = f"results/{wildcards.model}/ioi/{config['tasks']['ioi']['corruption']}"
    folders = (folder, f"{folder}.other_bos")
    files = {name: [result_of(each, name) for each in folders] for name in BOTH_BOS}
    # The evidence by pair, from which intervals of means over heads are made.
    return files | {"evidence": [f"{each}/evidence.nc" for each in folders]}
