"""Roles found in planted models, beside the truth.

A planted model's circuit is known by construction (`models.planted`). Its checkpoint is
prepared and measured as any model is, on one task after the other; the truth is read
for scoring alone.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from head_patching.metrics import TaskNotDone
from head_patching.models.loading import load_model, prepare_model
from head_patching.models.planted.checkpoint import PlantedModel, Words, write_planted
from head_patching.models.planted.circuit import ROLES
from head_patching.models.transformer import Model
from head_patching.patching.experiment import HeadPatcher
from head_patching.roles.assign import assign_roles
from head_patching.roles.attention import plain_vocabulary, random_tokens
from head_patching.roles.classify import NO_ROLE
from head_patching.roles.demands import Demands
from head_patching.roles.repetition import METRICS, repetition
from head_patching.roles.scores import ALL_ROLES, NOT_PLANTED, NOTHING
from head_patching.tasks import Task, find_task
from head_patching.tasks.ioi_templates import NAMES, prompt_words

# Of the induction test: random words, repeated once.
N_SEQUENCES, N_TOKENS = 20, 20


def null_models(planted: PlantedModel) -> list[PlantedModel]:
    """Models like it without a circuit: none at all, and one role left out.

    Which role is left out goes round with the seed.
    """
    roles = list(ROLES)
    left_out = [tuple(roles), (roles[planted.seed % len(roles)],)]
    return [
        PlantedModel(planted.architecture, planted.seed, planted.noise, without)
        for without in left_out
    ]


def validate_model(
    planted: PlantedModel, demands: Mapping[str, Demands], n_pairs: int, seed: int
) -> pd.DataFrame:
    """Planted and found roles of every head, one row per task, head and role found.

    Columns: those that name the model, induction_accuracy, task, accuracy, refused (1
    when the model does not do the task, so that nothing was measured), layer, head,
    planted (a role or `none`), found (a role, `undecided` or `no role`).

    Parameters
    ----------
    demands
        Of each task, by name. Only roles that a task asks for count as planted in it.
    n_pairs, seed
        Of the prompts and the random tokens.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_planted(planted, Words(prompt_words(), NAMES), folder / "checkpoint")
        prepare_model(str(folder / "checkpoint"), folder / "model")
        model = load_model(folder / "model")
        record = json.loads((folder / "checkpoint" / "truth.json").read_text())
    truth = {
        (head["layer"], head["head"]): role
        for role, heads in record["roles"].items()
        for head in heads
    }
    tables = [
        roles_beside_truth(model, find_task(name), asked, truth, n_pairs, seed)
        for name, asked in demands.items()
    ]
    names = {
        "architecture": planted.architecture,
        "noise": planted.noise,
        "seed": planted.seed,
        "without": without_text(planted.without),
        "induction_accuracy": induction_accuracy(model, seed),
    }
    return pd.concat([pd.DataFrame(names | table) for table in tables])


def roles_beside_truth(
    model: Model,
    task: Task,
    demands: Demands,
    truth: Mapping[tuple[int, int], str],
    n_pairs: int,
    seed: int,
) -> dict[str, Any]:
    """The columns of `validate_model` that belong to one task."""
    pairs = task.build(model.tokenizer, n_pairs, task.tracing.corruption, seed)
    run = HeadPatcher(model).run(pairs, heads=[])
    try:
        # Without the corruptions that single out signals: no role asks for these.
        by_corruption = {pairs.corruption: pairs}
        found = assign_roles(model, by_corruption, demands, seed).roles
    except TaskNotDone:
        heads = pd.DataFrame(model.config.heads, columns=["layer", "head"])
        found = heads.assign(role=NO_ROLE, refused=1)
    asked = {row.role for row in demands.criteria}
    keys = zip(found["layer"], found["head"], strict=True)
    planted = [truth.get(key, NOT_PLANTED) for key in keys]
    return {
        "task": task.name,
        "accuracy": float((run.clean_logit_diff > 0).mean()),
        "refused": found.get("refused", 0),
        "layer": found["layer"],
        "head": found["head"],
        "planted": [role if role in asked else NOT_PLANTED for role in planted],
        "found": found["role"],
    }


def without_text(without: Sequence[str]) -> str:
    """What was left out of a model, in a cell of a table."""
    if set(without) == set(ROLES):
        return ALL_ROLES
    return ", ".join(without) or NOTHING


def induction_accuracy(model: Model, seed: int) -> float:
    """How often the token after an earlier copy is the most likely next token.

    On a start token and random words, repeated once; without names, which are name
    movers' business.
    """
    names = set(model.tokenizer.convert_tokens_to_ids(sorted(NAMES)))
    words = [token for token in plain_vocabulary(model) if token not in names]
    drawn = random_tokens(words, N_TOKENS, N_SEQUENCES, seed)
    measured = repetition(model, drawn, n_copies=2, prepend_bos=True)
    return float(measured[METRICS.index("accuracy")].mean())
