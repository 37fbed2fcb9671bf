"""The checked config, what is to be made from it, and the sources of each rule."""

import ast
import json
import os
import shlex
import sys
from pathlib import Path

from head_patching.build_lock import take_lock
from head_patching.configuration import check_config, check_noise, check_tasks
from head_patching.models.planted.circuit import DEFAULT_NOISE
from head_patching.models.registry import FolderModel, find_source, short_names
from head_patching.project import project_files
from head_patching.roles.published import published_heads
from head_patching.tasks import find_task
from head_patching.workflow_sources import module_sources
from head_patching.writable import require_writable

# Rules start `head-patching` and `python` by name: those of the environment in which
# Snakemake itself runs, also when nobody activated it.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

try:
    check_config(config, Path("workflow/schemas/config.schema.yaml"))
    # The models by the names of their folders in results/.
    MODELS = short_names(config["models"])
    check_noise(config["validation"]["noise"], DEFAULT_NOISE)
    check_tasks(config["tasks"], {name: find_task(name) for name in config["tasks"]})
except ValueError as error:
    # A WorkflowError would hide these lines between others.
    sys.exit(str(error))

# Where and how exactly the model is computed, for each command that runs it.
COMPUTING = f"--device {config['device']} --dtype {config['dtype']}"

LOCKS = ["requirements.lock", "model.lock"]

# Figure of a task -> the tables it is drawn from, named as the options of its module.
TASK_FIGURES = {
    "attention_examples": ["attention_examples"],
    "attention_targets": ["evidence", "roles"],
    "behaviour": ["behaviour"],
    "circuit": ["circuit"],
    "head_effects": ["effects"],
    "necessity_sufficiency": ["effects", "roles"],
    "patching_grid": ["effects"],
    "path_effects": ["evidence"],
    "position_effects": ["effects_by_position"],
    "role_map": ["roles"],
    "top_heads": ["effects", "roles"],
}

# Figures of one task alone.
OWN_FIGURES = {
    "induction/composition": ["composition_edges", "roles"],
    "induction/prefix_matching": ["evidence", "roles"],
    "induction/weights_roc": ["weight_roc", "weight_agreement"],
}

# All figures; a task's are in a folder of its name.
FIGURES = {
    f"{task}/{figure}": tables
    for task in config["tasks"]
    for figure, tables in TASK_FIGURES.items()
}
FIGURES |= {
    figure: tables
    for figure, tables in OWN_FIGURES.items()
    if os.path.dirname(figure) in config["tasks"]
}
FIGURES |= {
    "repetition": ["repetition"],
    "validation_confusion": ["confusion"],
    "validation_noise": ["scores"],
}

if len(config["models"]) > 1:
    FIGURES |= {"model_roles": ["model_roles"]}

# Tables that belong to no task: about planted models, and about a model as such.
VALIDATION = ["confusion", "null_models", "scores"]
OF_MODEL = ["overlap", "repetition", "weights"]
# About the chapter's model: beside what is published of it.
REPLICATION = ["replication", "role_agreement", "role_disagreements"]
# About the chapter's model beside the others.
COMPARISON = ["models", "model_roles"]

# What roles ask of heads in the tasks that planted models do.
VALIDATED = ["config/roles/ioi.yaml", "config/roles/induction.yaml"]

# What a patching job makes: a whole run or, where runs are cut, a shard of its pairs.
WHOLE, PART = "{direction}_{patch_type}", "{direction}_{patch_type}/{part}"
RUN = WHOLE if config["shards"] == 1 else PART

# The patched runs of one experiment.
PATCHED = expand(
    "results/{{model}}/{{task}}/{{corruption}}/patching/{direction}_{patch_type}.nc",
    direction=config["directions"],
    patch_type=config["patch_types"],
)

# The same, position by position.
POSITIONS = expand(
    "results/{{model}}/{{task}}/{{corruption}}/positions/{direction}_output.nc",
    direction=config["directions"],
)

TASK_TABLES = expand(
    "results/tables/{{task}}/{table}.tex",
    table=[
        "attribution",
        "behaviour",
        "criteria",
        "knock_out",
        "paths",
        "positions",
        "role_evidence",
        "roles",
        "self_check",
        "signals",
        "top_heads",
        "undecided",
        "weight_agreement",
        "weights",
    ],
)
SHARED_TABLES = expand(
    "results/tables/{table}.tex",
    table=["provenance", "validation", *REPLICATION, *COMPARISON],
)
TABLES = expand(TASK_TABLES, task=config["tasks"]) + SHARED_TABLES

# Everything written by hand that the chapter is typeset from.
TEXT = sorted(
    path.as_posix()
    for path in Path("paper").iterdir()
    if path.suffix in {".tex", ".bib", ".sty", ".cls", ".bst"}
)


def parts(task):
    """Names of the shards into which a task's patched runs are cut, if they are."""
    count = min(config["shards"], config["tasks"][task]["n_pairs"])
    return [f"{n}-of-{count}" for n in range(1, count + 1)] if count > 1 else []


EXPERIMENTS = [
    f"results/{model}/{task}/{config['tasks'][task]['corruption']}"
    for model in MODELS
    for task in config["tasks"]
]

# The model that the chapter is about, and its experiments.
CHAPTER_MODEL = f"results/{next(iter(MODELS))}"
CHAPTER = {
    task: f"{CHAPTER_MODEL}/{task}/{settings['corruption']}"
    for task, settings in config["tasks"].items()
}

# Folders of the same prompts with the other setting of the begin-of-sequence token,
# measured where there is something published to compare with.
OTHER_BOS = [
    f"{folder}.other_bos"
    for task, folder in CHAPTER.items()
    if task == "ioi" and published_heads(next(iter(MODELS)))
]

CHECKS = [f"{folder}/self_check.json" for folder in EXPERIMENTS]

# The results that have a run record beside them.
RECORDS = [
    f"results/{model}/{task}/{corruption}/pairs.run.json"
    for model in MODELS
    for task in config["tasks"]
    for corruption in find_task(task).tracing.corruptions
    if corruption != config["tasks"][task]["corruption"]
] + [
    f"{folder}/{result}.run.json"
    for folder in EXPERIMENTS
    for result in [
        "pairs",
        "behaviour",
        *expand(
            "patching/{direction}_{patch_type}",
            direction=config["directions"],
            patch_type=config["patch_types"],
        ),
        *expand("positions/{direction}_output", direction=config["directions"]),
        "attribution",
        "self_check",
        "effects",
        "effects_by_position",
        "evidence",
        "paths",
        "roles",
        "weight_agreement",
        "attention_examples",
        "circuit",
    ]
]


RECORDS += expand(
    "results/{model}/{result}.run.json", model=MODELS, result=OF_MODEL
) + expand(
    "results/validation/{architecture}_{noise}.run.json",
    architecture=config["validation"]["architectures"],
    noise=config["validation"]["noise"],
)
RECORDS += ["results/validation/scores.run.json"]
RECORDS += [f"{CHAPTER_MODEL}/{name}.run.json" for name in ("replication", "models")]
RECORDS += expand(
    "{folder}/{result}.run.json",
    folder=OTHER_BOS,
    result=[
        "pairs",
        "behaviour",
        "evidence",
        "paths",
        *expand("patching/{direction}_output", direction=config["directions"]),
        "roles",
    ],
)


# Each shard of a patched run has a record of its own.
RECORDS += [
    f"{record.removesuffix('.run.json')}/{part}.run.json"
    for record in RECORDS
    if Path(record).parent.name in ("patching", "positions")
    for part in parts(Path(record).parts[2])
]


wildcard_constraints:
    # Not one of the other folders of results/.
    model=r"(?!(?:figures|tables|validation|paper)/)[A-Za-z0-9][A-Za-z0-9._-]*",
    task=r"[a-z][a-z0-9_]*",
    corruption=r"[a-z0-9_]+(\.other_bos)?",
    number=r"\d+",
    part=r"\d+-of-\d+",
    patched="patching|positions",
    direction="denoising|noising",
    patch_type="output|q|k|v|pattern",
    figure="|".join(FIGURES),
    architecture="gpt2|llama",
    noise=r"default|[\d.]+",


def begin_build():
    """Keep other builds out of this folder while this one runs; stop in one line."""
    try:
        require_writable(Path("results/provenance.json"))
        take_lock(Path(".snakemake/build.lock"))
    except ValueError as error:
        sys.exit(f"error: {error}")
    except OSError as error:  # a full disk
        sys.exit(f"error: .snakemake: {error.strerror}")


def sources(command):
    """Files that a subcommand is made of, and the locks of what it imports."""
    name = command.replace("-", "_")
    return module_sources(f"head_patching.commands.{name}") + LOCKS


def validation_sources():
    """Files of the validation, those of its tasks among them."""
    tasks = [Path(path).stem for path in VALIDATED]
    modules = [module_sources(f"head_patching.tasks.{task}") for task in tasks]
    return sources("validate") + sum(modules, [])


def model_name(wildcards):
    """A model's name as the config has it."""
    return MODELS.get(wildcards.model, wildcards.model)


def model_files(wildcards):
    """The files of a model that lies in a folder of this machine."""
    source = find_source(model_name(wildcards))
    if not isinstance(source, FolderModel):
        return []
    return sorted(str(path) for path in source.folder.iterdir() if path.is_file())


def task_sources(command):
    """The same, and the files of the task at hand."""

    def of_task(wildcards):
        return sources(command) + module_sources(
            f"head_patching.tasks.{wildcards.task}"
        )

    return of_task


def traced_pairs(wildcards):
    """The pairs of every corruption that a task's paths are traced with."""
    folder = f"results/{wildcards.model}/{wildcards.task}"
    corruptions = find_task(wildcards.task).tracing.corruptions
    bos = os.path.splitext(wildcards.corruption)[1]
    return [f"{folder}/{corruption}{bos}/pairs.jsonl" for corruption in corruptions]


def patched(wildcards):
    """The patched runs that roles are decided beside.

    Roles themselves ask for none of them, so that outputs do for the other setting of
    the begin-of-sequence token.
    """
    if not wildcards.corruption.endswith(".other_bos"):
        return PATCHED
    return [path for path in PATCHED if path.endswith("_output.nc")]


def criteria(wildcards):
    """The table of what a task's roles ask of a head, if it has one."""
    path = f"config/roles/{wildcards.task}.yaml"
    return [path] if os.path.exists(path) else []


def criteria_option(wildcards, input):
    """`--criteria FILE`, if there is one."""
    return ["--criteria", *input.criteria] if input.criteria else []


def figure_module(wildcards):
    """The module that draws a figure."""
    return f"figures.{os.path.basename(wildcards.figure)}"


def figure_description(wildcards):
    """What a figure shows: the first line of its module's description."""
    source = Path(f"{figure_module(wildcards).replace('.', '/')}.py")
    return ast.get_docstring(ast.parse(source.read_text())).splitlines()[0]


def figure_task(wildcards):
    """The task that a figure is about, as the report groups them."""
    return os.path.dirname(wildcards.figure) or "all tasks"


def figure_labels(wildcards):
    """The name of a figure in the report."""
    return {"figure": os.path.basename(wildcards.figure).replace("_", " ")}


def figure_sources(wildcards):
    """Files that a figure's module is made of."""
    return module_sources(figure_module(wildcards)) + LOCKS


def figure_tables(wildcards):
    """The tables that a figure is drawn from."""
    task = os.path.dirname(wildcards.figure)
    return {name: table_path(name, task) for name in FIGURES[wildcards.figure]}


def table_path(name, task):
    """Where a table of the chapter lies."""
    if name in VALIDATION:
        return f"results/validation/{name}.csv"
    if name in [*OF_MODEL, "published_roles", *REPLICATION, *COMPARISON]:
        return f"{CHAPTER_MODEL}/{name}.csv"
    return f"{CHAPTER[task]}/{name}.csv"


def task_results(task):
    """What a task's tables and numbers are made from."""
    tables = [
        "attribution",
        "behaviour",
        "effects",
        "effects_by_position",
        "evidence",
        "roles",
        "role_criteria",
        "role_stability",
        "self_check",
        "scores",
        "null_models",
        "repetition",
        "overlap",
        "weights",
        "weight_agreement",
        "weight_pairs",
        "composition_edges",
        "published_heads",
        "published_roles",
        *REPLICATION,
        *COMPARISON,
    ]
    return {name: table_path(name, task) for name in tables} | {
        "summary": f"{CHAPTER[task]}/self_check.json",
        "pairs": f"{CHAPTER[task]}/pairs.jsonl",
        "model": f"{CHAPTER_MODEL}/model/model.json",
        "provenance": "results/provenance.json",
    }


def results_of_task(wildcards):
    """The same, of the task at hand."""
    return task_results(wildcards.task)


def chapter_results(wildcards):
    """The results of all tasks of the chapter."""
    return sorted({path for task in CHAPTER for path in task_results(task).values()})


def chapter_options(wildcards):
    """Where the results of the chapter lie, as its commands take them."""
    experiments = [word for path in CHAPTER.values() for word in ("--experiment", path)]
    return [
        *experiments,
        *("--model-folder", f"{CHAPTER_MODEL}/model"),
        *("--validation", "results/validation"),
        *("--provenance", "results/provenance.json"),
    ]


def output_folder(wildcards, output):
    """The folder that all outputs of a rule lie in."""
    return os.path.dirname(output[0])


def model_options(wildcards, input):
    """`--model FILE` for each model."""
    return [word for path in input.models for word in ("--model", path)]


def figure_options(wildcards, input):
    """`--effects FILE --roles FILE`, as the figure's module takes them."""
    return [
        word
        for name in FIGURES[wildcards.figure]
        for word in (f"--{name.replace('_', '-')}", input[name])
    ]


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


def shard_option(wildcards):
    """`--shard 3/8`, if runs are cut."""
    part = wildcards.get("part")
    return f"--shard {part.replace('-of-', '/')}" if part else ""


def patched_shards(wildcards):
    """All shards of a patched run."""
    run = "results/{model}/{task}/{corruption}/{patched}/{direction}_{patch_type}"
    return [f"{run.format(**wildcards)}/{part}.nc" for part in parts(wildcards.task)]


def rule_of_output(wildcards):
    """Which rule makes a file, by the pattern of its path, as JSON."""
    made = {str(path): rule.name for rule in workflow.rules for path in rule.output}
    return json.dumps(made, sort_keys=True)


def everything(wildcards):
    """What a whole build makes."""
    return rules.all.input


def own_files(wildcards):
    """The project's own files, which an archive holds."""
    return project_files(Path())


def model_memory(copies):
    """Megabytes for a job that holds so many copies of a model's weights at its peak.

    Two are there while weights are read: as in the file, and fused. The rest is for
    libraries, and for the activations under way.
    """

    def of_model(wildcards, input):
        return 2500 + copies * os.path.getsize(input.weights) // 10**6

    return of_model


def first_pair(wildcards):
    """Index of the first pair in a cache file."""
    return int(wildcards.number) * config["pairs_per_file"]
