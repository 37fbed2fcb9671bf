"""Inputs and options of the rules that patch and measure."""


def traced_pairs(wildcards):
    """The pairs of every corruption that a task's paths are traced with."""
    folder = f"results/{wildcards.model}/{wildcards.task}"
    corruptions = find_task(wildcards.task).tracing.corruptions
    bos = os.path.splitext(wildcards.corruption)[1]
    return [f"{folder}/{corruption}{bos}/pairs.jsonl" for corruption in corruptions]


def criteria(wildcards):
    """The table of what a task's roles ask of a head, if it has one."""
    path = f"config/roles/{wildcards.task}.yaml"
    return [path] if os.path.exists(path) else []


def criteria_option(wildcards, input):
    """`--criteria FILE`, if there is one."""
    return ["--criteria", *input.criteria] if input.criteria else []


def position_options(wildcards):
    """`--position NAME` for each named position of the task."""
    names = config["tasks"][wildcards.task]["positions"]
    return [word for name in names for word in ("--position", name)]


def output_patched(wildcards):
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


def task_options(wildcards):
    """`--task NAME` for each of them."""
    tasks = [task for task in config["tasks"] for _ in config["directions"]]
    return [word for task in tasks for word in ("--task", task)]


def bos_files(name):
    """A file of both settings of the begin-of-sequence token, the configured first."""

    def of_model(wildcards):
        if not published_heads(wildcards.model):
            return []
        corruption = config["tasks"]["ioi"]["corruption"]
        folder = f"results/{wildcards.model}/ioi/{corruption}"
        return [f"{folder}/{name}", f"{folder}.other_bos/{name}"]

    return of_model


def bos_options(wildcards, input):
    """`--pairs FILE --behaviour FILE ...`, each for both settings."""
    names = ("pairs", "behaviour", "evidence", "roles", "role_criteria")
    return [
        word
        for name in names
        for path in input.get(name, [])
        for word in (f"--{name.replace('_', '-')}", path)
    ]


def compared_files(name):
    """A file of every experiment of all models; none where there is one model."""
    folders = EXPERIMENTS if len(config["models"]) > 1 else []
    return [f"{folder}/{name}" for folder in folders]


def compared_models():
    """The description of the model of every such experiment."""
    models = MODELS if len(config["models"]) > 1 else []
    return [f"results/{name}/model/model.json" for name in models for _ in CHAPTER]


def compared_options(wildcards, input):
    """`--model FILE --pairs FILE ...` for every experiment."""
    names = ("model", "pairs", "behaviour", "effects", "roles")
    return [
        word for name in names for path in input[name] for word in (f"--{name}", path)
    ]


def distance_options(part):
    """`--distance N` for each distance that a part of the config asks for."""
    distances = config[part]["distances"]
    return [word for number in distances for word in ("--distance", number)]


def criteria_folder(wildcards, input):
    """The folder of the criteria of all tasks."""
    return os.path.dirname(input.criteria[0])


def validated_tasks(wildcards):
    """`--task NAME`: all without noise and at the default level, else the first alone.

    The chapter shows the first by noise; the second would double the time.
    """
    known = [Path(path).stem for path in VALIDATED]
    tasks = known if wildcards.noise in ("0.0", "default") else known[:1]
    return [word for task in tasks for word in ("--task", task)]


def null_model_option(wildcards):
    """Null models are scored at the default noise level."""
    return "--null-models" if wildcards.noise == "default" else ""


def cache_numbers(wildcards):
    """Numbers of the cache files that together hold all pairs of a task."""
    n_pairs = config["tasks"][wildcards.task]["n_pairs"]
    return [f"{n:03d}" for n in range(-(-n_pairs // config["pairs_per_file"]))]


def cache(wildcards):
    """The cached activations of all pairs."""
    folder = "results/{model}/{task}/{corruption}/cache/".format(**wildcards)
    return [f"{folder}{number}.safetensors" for number in cache_numbers(wildcards)]


def share_option(wildcards):
    """`--n-pairs 10`, where not all pairs are patched: within heads.

    Of one pair alone there would be no interval.
    """
    if wildcards.patch_type == "output":
        return ""
    n_pairs = config["tasks"][wildcards.task]["n_pairs"]
    return f"--n-pairs {max(2, round(config['share_within_heads'] * n_pairs))}"


def shard_option(wildcards):
    """`--shard 3/8`, if runs are cut."""
    part = wildcards.get("part")
    return f"--shard {part.replace('-of-', '/')}" if part else ""


def patched_shards(wildcards):
    """All shards of a patched run."""
    run = "results/{model}/{task}/{corruption}/{patched}/{direction}_{patch_type}"
    return [f"{run.format(**wildcards)}/{part}.nc" for part in parts(wildcards.task)]


def first_pair(wildcards):
    """Index of the first pair in a cache file."""
    return int(wildcards.number) * config["pairs_per_file"]
