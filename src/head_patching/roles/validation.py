"""Roles found in planted models, beside the truth.

A planted model's circuit is known by construction (`models.planted`). Its checkpoint is
prepared and measured as any model is; the truth is read for scoring alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import torch

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
from head_patching.roles.paths import CORRUPTIONS, PATH_CORRUPTION
from head_patching.roles.scores import ALL_ROLES, NOT_PLANTED, NOTHING
from head_patching.tasks.ioi import ioi_pairs
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
    planted: PlantedModel, demands: Demands, n_pairs: int, seed: int
) -> pd.DataFrame:
    """Planted and found roles of every head, one row per head and role found.

    Columns: those that name the model, accuracy, induction_accuracy, refused (1 when
    the model does not do the task, so that nothing was measured), layer, head,
    planted (a role or `none`), found (a role, `undecided` or `no role`).

    Parameters
    ----------
    n_pairs, seed
        Of the prompts and the random tokens.
    """
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_planted(planted, Words(prompt_words(), NAMES), folder / "checkpoint")
        prepare_model(str(folder / "checkpoint"), folder / "model")
        model = load_model(folder / "model")
        record = json.loads((folder / "checkpoint" / "truth.json").read_text())
    pairs = {
        corruption: ioi_pairs(model.tokenizer, n_pairs, corruption, seed)
        for corruption in CORRUPTIONS
    }
    run = HeadPatcher(model).run(pairs[PATH_CORRUPTION], heads=[])
    try:
        found = assign_roles(model, pairs, demands, seed).roles
    except TaskNotDone:
        heads = pd.DataFrame(model.config.heads, columns=["layer", "head"])
        found = heads.assign(role=NO_ROLE, refused=1)
    truth = {
        (head["layer"], head["head"]): role
        for role, heads in record["roles"].items()
        for head in heads
    }
    keys = zip(found["layer"], found["head"], strict=True)
    return pd.DataFrame(
        {
            "architecture": planted.architecture,
            "noise": planted.noise,
            "seed": planted.seed,
            "without": without_text(planted.without),
            "accuracy": float((run.clean_logit_diff > 0).mean()),
            "induction_accuracy": induction_accuracy(model, seed),
            "refused": found.get("refused", 0),
            "layer": found["layer"],
            "head": found["head"],
            "planted": [truth.get(key, NOT_PLANTED) for key in keys],
            "found": found["role"],
        }
    )


def without_text(without: Sequence[str]) -> str:
    """What was left out of a model, in a cell of a table."""
    if set(without) == set(ROLES):
        return ALL_ROLES
    return ", ".join(without) or NOTHING


@torch.no_grad()
def induction_accuracy(model: Model, seed: int) -> float:
    """How often the token after an earlier copy is the most likely next token.

    On a start token and random words, repeated once; without names, which are name
    movers' business. The last word of a sequence has no next.
    """
    names = set(model.tokenizer.convert_tokens_to_ids(sorted(NAMES)))
    words = [token for token in plain_vocabulary(model) if token not in names]
    drawn = random_tokens(words, N_TOKENS, N_SEQUENCES, seed).repeat(1, 2)
    start = torch.full((N_SEQUENCES, 1), model.tokenizer.bos_token_id)
    tokens = torch.cat((start, drawn), dim=1)
    right = []
    for length in range(N_TOKENS + 2, 2 * N_TOKENS + 1):
        logits = model.run(tokens[:, :length]).final_logits
        right.append(logits.argmax(dim=-1) == tokens[:, length])
    return float(torch.stack(right).float().mean())
