"""Roles found in planted models, compared with their circuits.

A planted model's circuit is known by construction (`planted`). The model is measured
like any other, on one task after the other; its circuit is read for scoring alone. The
model is built in memory: preparing it from a checkpoint takes a fifth more time and
gives an equal model (`planted.in_memory`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from head_patching.models.transformer import Model
from head_patching.patching.effects import TaskNotDone
from head_patching.patching.experiment import HeadPatcher
from head_patching.planted.circuit import (
    ARCHITECTURES,
    ATTENTION,
    ROLES,
    WIRINGS,
    PlantedModel,
)
from head_patching.planted.decoys import decoys
from head_patching.planted.in_memory import planted_in_memory
from head_patching.roles.assign import assign_roles
from head_patching.roles.attention import (
    PROTOCOLS,
    Protocol,
    plain_vocabulary,
    random_tokens,
)
from head_patching.roles.classifier import Classifier
from head_patching.roles.evidence import evidence_on_tokens
from head_patching.roles.groups import TraceRules
from head_patching.roles.measured import Measured
from head_patching.roles.repetition import METRICS, repetition
from head_patching.roles.stages import KNOCKED_OUT
from head_patching.roles.tracer import Tracer, tracer
from head_patching.tasks import Task, find_task
from head_patching.tasks.ioi_templates import NAMES
from head_patching.tasks.vocabulary import WORDS
from head_patching.terms import (
    NO_CIRCUIT,
    NO_DECOY,
    NO_ROLE,
    NOT_PLANTED,
    NOTHING_LEFT_OUT,
    SHARED,
    Head,
)

# Of the test of induction as behaviour: random words, repeated once.
N_SEQUENCES, N_TOKENS = 10, 20

# Of the scores on repeated random tokens: as many as Wang et al.'s released code draws.
N_SCORED = 4


def null_model(planted: PlantedModel) -> PlantedModel:
    """The planted model without its circuit, or with one role left out.

    The seed decides: all roles are left out, then each one in turn. The architectures
    begin as far apart as they can, so that a few seeds of all of them leave out every
    role. A model without noise and without a circuit would write nothing: there one
    role is left out.
    """
    roles = tuple(map(str, ROLES))
    left_out: list[tuple[str, ...]] = [(role,) for role in roles]
    if planted.noise > 0:
        left_out.insert(0, roles)
    number = ARCHITECTURES.index(planted.architecture)
    first = number * len(left_out) // len(ARCHITECTURES)
    return replace(planted, without=left_out[(first + planted.seed) % len(left_out)])


def in_turn(seed: int) -> dict[str, str]:
    """Attention and wiring by a seed: eight successive seeds have each pair once."""
    number, wiring = divmod(seed, len(WIRINGS))
    attention = ATTENTION[number % len(ATTENTION)]
    return {"attention": attention, "wiring": WIRINGS[wiring]}


@dataclass(frozen=True)
class Told(Classifier):
    """A classifier that is told the circuit while paths are traced.

    Receivers and groups of every stage are the true ones; roles are then given by the
    criteria. What it misses, no better trace would find.

    Parameters
    ----------
    circuit
        The planted heads of each role.
    """

    circuit: Mapping[str, Sequence[Head]]

    def heads_with(self, role: str, measured: Sequence[Measured]) -> list[Head]:
        """The heads with a role, whatever was measured."""
        return [*self.circuit.get(role, ())]

    candidates = heads_with


def told(classifier: Classifier, planted: PlantedModel) -> Told:
    """A classifier that knows the circuit of a model."""
    heads = {
        role: [(head.layer, head.head) for head in heads]
        for role, heads in planted.circuit.items()
    }
    given = classifier.criteria, classifier.importance, classifier.statistics
    return Told(*given, circuit=heads)


def validate_model(
    planted: PlantedModel,
    classifiers: Mapping[str, Classifier],
    rules: TraceRules,
    n_pairs: int,
    seed: int,
) -> pd.DataFrame:
    """Planted and found roles of every head, one row per task, head and role found.

    Columns: those that name the model, induction_accuracy, task, accuracy, refused (1
    when the model does not do the task, so that nothing was measured), layer, head,
    planted (a role or `none`), decoy (its kind or `none`), found (a role, `undecided`
    or `no role`).

    Parameters
    ----------
    planted
        The model to build and measure.
    classifiers
        The criteria of each task, by its name. Only roles that a task has criteria for
        count as planted in it.
    rules
        How groups of heads are measured.
    n_pairs
        Prompt pairs of each task.
    seed
        Of the prompts and the random tokens.
    """
    model, truth = planted_in_memory(planted, WORDS), planted_heads(planted)
    traces = {
        name: traced(model, find_task(name), classifier, n_pairs, seed)
        for name, classifier in classifiers.items()
    }
    on_tokens = []
    if any(trace is not None for trace, _ in traces.values()):
        protocols = protocols_needed(classifiers.values())
        on_tokens = evidence_on_tokens(
            model,
            seed,
            prepend_bos=True,
            protocols=protocols,
            n_sequences=N_SCORED,
        )
    names = model_cells(planted)
    names |= {"induction_accuracy": induction_accuracy(model, seed)}
    decoys = decoy_heads(planted)
    tables = []
    for name, (trace, accuracy) in traces.items():
        if trace is None:
            heads = pd.DataFrame(model.config.heads, columns=["layer", "head"])
            found = heads.assign(role=NO_ROLE)
        else:
            found = assign_roles(trace, classifiers[name], on_tokens, rules).roles
        names |= {"task": name, "accuracy": accuracy, "refused": int(trace is None)}
        known = {row.role for row in classifiers[name].criteria}
        beside = beside_truth(found, truth, decoys, known)
        tables.append(pd.DataFrame(names | beside))
    return pd.concat(tables)


def planted_heads(planted: PlantedModel) -> dict[Head, str]:
    """The truth: each planted head's role."""
    return {
        (head.layer, head.head): role
        for role, heads in planted.circuit.items()
        for head in heads
    }


def traced(
    model: Model, task: Task, classifier: Classifier, n_pairs: int, seed: int
) -> tuple[Tracer | None, float]:
    """The tracer of a task, None if the model does not do it; and the accuracy.

    Only paths that criteria name are traced: no signals, and a knock-out only if a
    criterion needs it.

    Parameters
    ----------
    task, classifier
        The task, and its criteria.
    n_pairs, seed
        Number of prompt pairs, and their seed.
    """
    tracing = task.tracing
    pairs = {
        corruption: task.build(model.tokenizer, n_pairs, corruption, seed)
        for corruption in tracing.asked
    }
    try:
        trace = tracer(model, pairs)
    except TaskNotDone:
        run = HeadPatcher(model).run(pairs[tracing.corruption], heads=[])
        return None, float((run.clean_logit_diff > 0).mean())
    if not {row.criterion for row in classifier.criteria} & {*KNOCKED_OUT}:
        trace = replace(trace, tracing=replace(trace.tracing, knocked_out=None))
    return trace, float((trace.steps.clean_logit_diff > 0).mean())


def protocols_needed(classifiers: Iterable[Classifier]) -> list[Protocol]:
    """The protocols of repeated random tokens that any role's criteria name."""
    named = {row.criterion for each in classifiers for row in each.criteria}
    return [protocol for protocol in PROTOCOLS if protocol.criteria & named]


def decoy_heads(planted: PlantedModel) -> dict[Head, str]:
    """Each decoy's kind."""
    return {(decoy.layer, decoy.head): decoy.kind for decoy in decoys(planted)}


def beside_truth(
    found: pd.DataFrame,
    truth: Mapping[Head, str],
    decoys: Mapping[Head, str],
    known: Collection[str],
) -> dict[str, pd.Series | list[str]]:
    """Found and planted roles; only roles known to the criteria count as planted."""
    keys = [*zip(found["layer"], found["head"], strict=True)]
    planted = [truth.get(key, NOT_PLANTED) for key in keys]
    return {
        "layer": found["layer"],
        "head": found["head"],
        "planted": [role if role in known else NOT_PLANTED for role in planted],
        "decoy": [decoys.get(key, NO_DECOY) for key in keys],
        "found": found["role"],
    }


def model_cells(planted: PlantedModel) -> dict[str, str | float | int]:
    """The cells of a table that name a planted model."""
    return {
        "architecture": planted.architecture,
        "noise": planted.noise,
        "redundancy": str(planted.redundancy or SHARED),
        "attention": planted.attention,
        "wiring": planted.wiring,
        "decoys": ", ".join(planted.decoys) or NO_DECOY,
        "seed": planted.seed,
        "without": without_text(planted.without),
    }


def without_text(without: Sequence[str]) -> str:
    """The cell of a table that says what was left out of a model."""
    if set(without) == set(ROLES):
        return NO_CIRCUIT
    return ", ".join(without) or NOTHING_LEFT_OUT


def induction_accuracy(model: Model, seed: int) -> float:
    """How often the token after an earlier copy is the most likely next token.

    Measured on a start token and random words, repeated once; names are left out, as
    name movers act on them.
    """
    names = set(model.tokenizer.convert_tokens_to_ids(sorted(NAMES)))
    words = [token for token in plain_vocabulary(model) if token not in names]
    drawn = random_tokens(words, N_TOKENS, N_SEQUENCES, seed)
    measured = repetition(model, drawn, n_copies=2, prepend_bos=True)
    return float(measured[METRICS.index("accuracy")].mean())
