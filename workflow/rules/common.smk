"""The checked config, what is to be made from it, and the sources of each rule."""

import json
import os
import shlex
import sys
from pathlib import Path

from head_patching.configuration import check_config
from head_patching.models.registry import find_source
from head_patching.tasks.corruptions import PATH_CORRUPTION, SIGNAL_CORRUPTIONS
from head_patching.workflow_sources import module_sources
from snakemake.exceptions import WorkflowError

# Rules start `head-patching` and `python` by name: those of the environment in which
# Snakemake itself runs, also when nobody activated it.
shell.prefix(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; ")

try:
    check_config(config, Path("workflow/schemas/config.schema.yaml"))
    for name in config["models"]:
        find_source(name)
except ValueError as error:
    raise WorkflowError(str(error)) from None

# Cores of a job that loads a model but computes little: two fit beside each other.
LIGHT = max(1, config["threads"] // 2)

# The corruptions that paths are traced with, whatever the experiment's own.
PATH_CORRUPTIONS = [PATH_CORRUPTION, *SIGNAL_CORRUPTIONS.values()]

LOCKS = ["requirements.lock", "model.lock"]

# Figure -> the tables it is drawn from, named as the options of its module.
FIGURES = {
    "attention_targets": ["evidence", "roles"],
    "behaviour": ["behaviour"],
    "head_effects": ["effects"],
    "necessity_sufficiency": ["effects", "roles"],
    "patching_grid": ["effects"],
    "path_effects": ["evidence"],
    "position_effects": ["effects_by_position"],
    "role_map": ["roles"],
    "top_heads": ["effects", "roles"],
    "validation_confusion": ["confusion"],
    "validation_noise": ["scores"],
}

# Tables about planted models; all others belong to an experiment.
VALIDATION = ["confusion", "null_models", "scores"]

# The patched runs of one experiment.
PATCHED = expand(
    "results/{{model}}/{{task}}/{{corruption}}/patching/{direction}_{patch_type}.nc",
    direction=config["directions"],
    patch_type=config["patch_types"],
)

TABLES = expand(
    "results/tables/{table}.tex",
    table=[
        "attribution",
        "behaviour",
        "criteria",
        "knock_out",
        "paths",
        "positions",
        "provenance",
        "role_evidence",
        "roles",
        "self_check",
        "signals",
        "top_heads",
        "undecided",
        "validation",
    ],
)

# Everything written by hand that the chapter is typeset from.
TEXT = sorted(
    path.as_posix()
    for path in Path("paper").iterdir()
    if path.suffix in {".tex", ".bib", ".sty", ".cls", ".bst"}
)

EXPERIMENTS = [
    f"results/{model}/{task}/{config['tasks'][task]['corruption']}"
    for model in config["models"]
    for task in config["tasks"]
]

# The experiment that the chapter is about.
CHAPTER = EXPERIMENTS[0]

CHAPTER_MODEL = f"results/{config['models'][0]}/model/model.json"

CHECKS = [f"{folder}/self_check.json" for folder in EXPERIMENTS]

# The results that have a run record beside them.
RECORDS = [
    f"results/{model}/{task}/{corruption}/pairs.run.json"
    for model in config["models"]
    for task in config["tasks"]
    for corruption in PATH_CORRUPTIONS
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
    ]
]


wildcard_constraints:
    model=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    task=r"[a-z0-9]+",
    corruption=r"[a-z0-9_]+",
    shard=r"\d+",
    direction="denoising|noising",
    patch_type="output|q|k|v|pattern",
    figure="|".join(FIGURES),
    architecture="gpt2|llama",
    noise=r"default|[\d.]+",


def sources(command):
    """Files that a subcommand is made of, and the locks of what it imports."""
    name = command.replace("-", "_")
    return module_sources(f"head_patching.commands.{name}") + LOCKS


def figure_sources(wildcards):
    """Files that a figure's module is made of."""
    return module_sources(f"figures.{wildcards.figure}") + LOCKS


def figure_tables(wildcards):
    """The tables that a figure is drawn from."""
    return {name: table_path(name) for name in FIGURES[wildcards.figure]}


def table_path(name):
    """Where a table of the chapter lies."""
    folder = "results/validation" if name in VALIDATION else CHAPTER
    return f"{folder}/{name}.csv"


def chapter_results(wildcards):
    """What tables and numbers are made from."""
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
    ]
    return {name: table_path(name) for name in tables} | {
        "summary": f"{CHAPTER}/self_check.json",
        "pairs": f"{CHAPTER}/pairs.jsonl",
        "model": CHAPTER_MODEL,
        "provenance": "results/provenance.json",
    }


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


def null_model_option(wildcards):
    """Null models are scored at the default noise level."""
    return "--null-models" if wildcards.noise == "default" else ""


def shards(wildcards):
    """Numbers of the cache files that together hold all pairs of a task."""
    n_pairs = config["tasks"][wildcards.task]["n_pairs"]
    return [f"{n:03d}" for n in range(-(-n_pairs // config["pairs_per_shard"]))]


def cache(wildcards):
    """The cached activations of all pairs."""
    folder = "results/{model}/{task}/{corruption}/cache/".format(**wildcards)
    return [f"{folder}{shard}.safetensors" for shard in shards(wildcards)]


def first_pair(wildcards):
    """Index of the first pair in a cache file."""
    return int(wildcards.shard) * config["pairs_per_shard"]
