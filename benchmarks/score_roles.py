"""Roles found in planted models that nothing was set on.

    python benchmarks/score_roles.py --freeze COMMIT [--cells whole-gpt2 ...]

The test seeds are drawn from the hash of the commit that froze criteria and generator:
whoever set them could not know the seeds. If what finds roles has changed since, the
script refuses: a new freeze gives new seeds.

A cell is one kind of model: architecture, redundancy, attention and wiring; or what was
left out, or decoys, with attention and wiring in turn by seed. Each model is scored in
a process of one thread, and its heads are written as soon as it is done: a run that was
ended goes on where it was. All cells have their first seed before one has its second,
so that a part of the work (`--cells`, `--seeds`, `--minutes`) is a fair sample of it.
Cells called `told-...` are whole circuits of which the trace is told receivers and
groups: what the same criteria find then is beside what they find.

In the folder: `models/CELL/SEED.csv`, `cells.csv` (precision and recall of each role),
`false_findings.csv` (what nobody planted), `null_models.csv` and `decoys.csv` (in which
heads) and `run.json` (what was run).
"""

import argparse
import multiprocessing
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from head_patching.files.register import columns
from head_patching.files.tables import read_table
from head_patching.files.writing import write_csv, write_json, write_table
from head_patching.patching.effects import Importance
from head_patching.roles.cells import KINDS, TOLD, Cell, cells
from head_patching.roles.classifier import Classifier
from head_patching.roles.criteria import read_criteria
from head_patching.roles.false_findings import (
    decoys_named,
    false_roles,
    findings,
    n_models,
)
from head_patching.roles.groups import TraceRules
from head_patching.roles.scores import EACH, require_once, scores
from head_patching.roles.validation import told, validate_model
from head_patching.statistics import Statistics

ROOT = Path(__file__).parents[1]

# What decides which roles are found, and how models are made.
FROZEN = ["config/roles"] + [
    f"src/head_patching/{name}"
    for name in ("models", "patching", "planted", "roles", "tasks")
]
N_SEEDS = 20
SETTLED_ON = range(50)  # seeds on which criteria and generator were set

# What is asked of rates, and how many models (heads, of decoys) may be wrong.
LEAST, MOST = 0.95, 1

TASK = "ioi"


Work = tuple[Cell, int, Path]  # a model, and where its heads are written


def seeds_of(commit: str) -> list[int]:
    """Seeds drawn from a commit's hash, none of which anything was set on."""
    rng = np.random.default_rng(int(commit, 16))
    drawn: dict[int, None] = {}
    while len(drawn) < N_SEEDS:
        seed = int(rng.integers(2**31))
        if seed not in SETTLED_ON:
            drawn[seed] = None
    return [*drawn]


def frozen_commit(name: str) -> str:
    """The full hash of the commit that froze criteria and generator.

    Raises
    ------
    SystemExit
        When there is no such commit, or what finds roles has changed since.
    """
    commit = git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if not commit:
        raise SystemExit(f"error: {name} is no commit of this repository")
    changed = git("diff", "--name-only", commit, "--", *FROZEN).split()
    changed += git("ls-files", "--others", "--exclude-standard", *FROZEN).split()
    if changed:
        raise SystemExit(
            f"error: {', '.join(changed)} changed since {commit[:12]}: freeze again, "
            "which gives new seeds"
        )
    return commit


def git(*words: str) -> str:
    """What git says; nothing when it fails."""
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


@cache
def settings() -> tuple[Classifier, TraceRules, int, int]:
    """Criteria and rules of the workflow, its number of pairs, and their seed."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    statistics, importance = config["statistics"], config["importance"]
    classifier = Classifier(
        read_criteria(ROOT / f"config/roles/{TASK}.yaml"),
        Importance(importance["threshold"], importance["false_discovery_rate"]),
        Statistics(n_sign_flips=statistics["sign_flips"], seed=statistics["seed"]),
    )
    groups, seed = config["groups"], statistics["seed"]
    sizes = groups["random_groups"], groups["random_orders"]
    rules = TraceRules(*sizes, receiver_sets=0, seed=seed)
    return classifier, rules, config["validation"]["n_pairs"], seed


def score_model(cell: Cell, seed: int, path: Path) -> float:
    """Score one model and write its heads; returns what it cost in CPU seconds."""
    import torch

    torch.set_num_threads(1)
    began, (classifier, *measuring) = time.process_time(), settings()
    model = cell.model(seed)
    if cell.kind == TOLD:
        classifier = told(classifier, model)
    table = validate_model(model, {TASK: classifier}, *measuring)
    write_table("validation", path, table)
    return time.process_time() - began


def score_all(
    models: Sequence[Work], processes: int, minutes: float
) -> tuple[float, list[str]]:
    """Score models in parallel until all are done or the time is over.

    Returns
    -------
    tuple
        CPU seconds of all models, and which could not be made, with the reason.
    """
    ends, waiting = time.monotonic() + 60 * minutes, [*reversed(models)]
    spent, failed, running = 0.0, [], {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        while running or (waiting and time.monotonic() < ends):
            while waiting and len(running) < processes and time.monotonic() < ends:
                each = waiting.pop()
                running[pool.submit(score_model, *each)] = each
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                cell, seed, _ = running.pop(done)
                try:
                    spent += done.result()
                except ValueError as error:
                    failed.append(f"{cell.name}, seed {seed}: {error}")
                n_done = len(models) - len(waiting) - len(running)
                if n_done % 20 == 0 or n_done == len(models):
                    print(f"{n_done} of {len(models)} models, {spent:.0f} CPU s")
    return spent, failed


def summarise(commit: str, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write and return the scores of all cells, and what nobody planted.

    They are about all models of the freeze that are done, in whichever run.
    """
    table = read_models([c for c in cells() if c.kind != TOLD], commit, folder)
    found, false = scores(table, keys=EACH).drop(columns="is_default"), findings(table)
    rates = found[["precision", "recall"]]
    found = found.assign(holds=(rates >= LEAST).all(axis=1).astype(int))
    of_told = scores(
        read_models([c for c in cells() if c.kind == TOLD], commit, folder), keys=EACH
    )
    names = {"recall": "recall_told", "n_models": "n_told"}
    of_told = of_told.rename(columns=names)[[*EACH, "role", *names.values()]]
    found = found.merge(of_told, how="left", on=[*EACH, "role"])
    false = false.assign(holds=(false["n_found"] <= MOST).astype(int))
    write_csv(folder / "cells.csv", found)
    write_csv(folder / "false_findings.csv", false)
    write_csv(folder / "null_models.csv", false_roles(table))
    write_csv(folder / "decoys.csv", decoys_named(table))
    done = {
        "models_scored": n_models(table),
        "models_asked_for": N_SEEDS * sum(c.kind != TOLD for c in cells()),
    }
    drawn = {"freeze": commit, "seeds": seeds_of(commit)}
    write_json(folder / "run.json", drawn | done)
    return found, false


def read_models(chosen: Sequence[Cell], commit: str, folder: Path) -> pd.DataFrame:
    """The heads of all models of some cells that are done; no rows without any."""
    paths = [
        folder / "models" / cell.name / f"{seed}.csv"
        for cell in chosen
        for seed in seeds_of(commit)
    ]
    tables = [read_table("validation", path) for path in paths if path.is_file()]
    table = pd.concat([pd.DataFrame(columns=columns("validation")), *tables])
    require_once(table)
    return table


def main() -> None:
    """Score what is asked for and not yet done, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--freeze", required=True, metavar="COMMIT")
    parser.add_argument(
        "--cells", nargs="+", default=KINDS, help="beginnings of their names"
    )
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="of each cell")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    commit = frozen_commit(options.freeze)
    folder = options.out or ROOT / "results/role_scores" / commit[:12]
    chosen = [cell for cell in cells() if cell.name.startswith(tuple(options.cells))]
    if not chosen:
        parser.error("no cell is called so: " + ", ".join(c.name for c in cells()))
    models = [
        (cell, seed, folder / "models" / cell.name / f"{seed}.csv")
        for seed in seeds_of(commit)[: options.seeds]
        for cell in chosen
    ]
    waiting = [each for each in models if not each[2].is_file()]
    print(f"{len(models)} models in {len(chosen)} cells, {len(waiting)} to be scored")
    os.environ["OMP_NUM_THREADS"] = "1"
    spent, failed = score_all(waiting, options.processes, options.minutes)
    found, false = summarise(commit, folder)
    print(
        *failed,
        f"{spent:.0f} CPU s, {len(failed)} models could not be scored",
        f"rates below {LEAST:g}: {(found['holds'] == 0).sum()} of {len(found)}",
        f"more than {MOST} of what nobody planted: {(false['holds'] == 0).sum()} of "
        f"{len(false)}",
        f"written to {folder}",
        sep="\n",
    )


if __name__ == "__main__":
    main()
