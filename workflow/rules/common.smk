"""The checked config, the experiments in it, and what a build does first."""

import ast
import json
import os
import shlex
import sys
from pathlib import Path

from head_patching.building.build_lock import take_lock
from head_patching.building.configuration import check_config, check_noise, check_tasks
from head_patching.building.figure_modules import figures
from head_patching.building.project import project_files
from head_patching.files import register
from head_patching.files.folders import Folders
from head_patching.files.writable import require_writable
from head_patching.models.registry import (
    FolderModel,
    GgufModel,
    find_source,
    short_names,
)
from head_patching.planted.circuit import DEFAULT_NOISE
from head_patching.reporting import discovery
from head_patching.roles.published import published_heads
from head_patching.tasks import find_task, tasks
from head_patching.terms import DIRECTIONS, PATCH_TYPES

# Rules call `head-patching` and `python` by name: from the environment in which Snakemake
# runs, even when it is not activated. This replaces Snakemake's own prefix, so `set` must
# be repeated here: a failure before a pipe is a failure.
shell.prefix(
    "set -euo pipefail; "
    f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
)

try:
    check_config(config, Path("workflow/schemas/config.schema.yaml"))
    # The models by the names of their folders in results/.
    MODELS = short_names(config["models"])
    check_noise(config["validation"]["noise"], DEFAULT_NOISE)
    check_tasks(config["tasks"], {name: find_task(name) for name in config["tasks"]})
except ValueError as error:
    # Snakemake would print a WorkflowError between many other lines.
    sys.exit(str(error))

# The prepared model, and the options of commands that run it.
MODEL = [
    "results/{model}/model/model.json",
    "results/{model}/model/weights.safetensors",
]
CHECKPOINT = [
    "results/{model}/model/checkpoint/config.json",
    "results/{model}/model/checkpoint/tokenizer.json",
]
# Enough to read and write its tokens.
TOKENIZER = [MODEL[0], CHECKPOINT[1]]
COMPUTING = (
    "--model-folder results/{model}/model"
    f" --device {config['device']} --dtype {config['dtype']}"
)

# One of a patching job's results: a whole run or, with `shards`, a part of its pairs.
SHARD = f"{os.sep}{{part}}" if config["shards"] > 1 else ""

# The patched runs of one experiment.
PATCHED = expand(
    "results/{{model}}/{{task}}/{{corruption}}/patching/{direction}_{patch_type}.nc",
    direction=config["directions"],
    patch_type=config["patch_types"],
)

# Outputs of all heads are patched: they decide which heads are important, and roles. The
# other patch types describe the heads that are chosen by them.
OUTPUTS = [path for path in PATCHED if path.endswith("_output.nc")]

# Heads patched at one position at a time.
POSITIONS = expand(
    "results/{{model}}/{{task}}/{{corruption}}/positions/{direction}_output.nc",
    direction=config["directions"],
)

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

# The same prompts with the other setting of the begin-of-sequence token, measured if there
# are published values to compare with.
OTHER_BOS = [
    f"{folder}.other_bos"
    for task, folder in CHAPTER.items()
    if task == "ioi" and published_heads(next(iter(MODELS)))
]

CHECKS = [f"{folder}/self_check.json" for folder in EXPERIMENTS]


def begin_build():
    """Keep other builds out of this folder while this one runs; stop in one line."""
    try:
        require_writable(Path("results/provenance.json"))
        take_lock(Path(".snakemake/build.lock"))
    except ValueError as error:
        sys.exit(f"error: {error}")
    except OSError as error:  # a full disk
        sys.exit(f"error: .snakemake: {error.strerror}")
