"""What was found in planted models though nobody planted it.

Roles in null models, from which something was left out, and roles of decoys. All
functions take the rows of `roles.validation.validate_model`, of any number of models.
"""

import pandas as pd

from head_patching.roles.scores import EACH, MODEL, scores
from head_patching.terms import (
    HEAD,
    NO_CIRCUIT,
    NO_DECOY,
    NOTHING_LEFT_OUT,
    Role,
    has_role,
    head_name,
)

# In place of a role: of those that were neither left out nor planted in the head.
ANOTHER = "another role"


def false_roles(table: pd.DataFrame) -> pd.DataFrame:
    """Roles found in null models that were not planted, model by model.

    Columns: those that name the model, task, accuracy, refused, false_roles (their
    number), heads (with their false roles), backups (how many backup name movers were
    called name movers where these are left out: they do their job, and are no false
    roles).
    """
    nulls = table[table["without"] != NOTHING_LEFT_OUT]
    rows = []
    for names, heads in nulls.groupby([*MODEL, "task"]):
        wrong = heads[is_false(heads)]
        first = heads.iloc[0]
        rows.append(
            dict(zip([*MODEL, "task"], names, strict=True))
            | {"accuracy": first["accuracy"], "refused": first["refused"]}
            | {"false_roles": len(wrong), "heads": named(wrong)}
            | {"backups": int(acting_backups(heads).sum())}
        )
    columns = [*MODEL, "task", "accuracy", "refused", "false_roles", "heads", "backups"]
    return pd.DataFrame(rows, columns=columns)


def acting_backups(heads: pd.DataFrame) -> pd.Series:
    """Whether a row is a backup called name mover, in a model without name movers."""
    left_out = heads["without"].str.split(", ")
    is_without = left_out.map(lambda roles: Role.NAME_MOVER in roles).astype(bool)
    is_backup = heads["planted"] == Role.BACKUP_NAME_MOVER
    return is_without & is_backup & (heads["found"] == Role.NAME_MOVER)


def is_false(heads: pd.DataFrame) -> pd.Series:
    """Whether a row names a role that was not planted in the head; not of backups."""
    wrong = roles_found(heads) & (heads["found"] != heads["planted"])
    return wrong & ~acting_backups(heads)


def n_models(heads: pd.DataFrame) -> int:
    """In how many models the heads are."""
    return len(heads.drop_duplicates(MODEL))


def decoys_named(table: pd.DataFrame) -> pd.DataFrame:
    """Which decoys were given a role, by their kind.

    Columns: task, architecture, noise, redundancy, kind, n_models, n_decoys (how many
    there are), with_role (how many of them have one), heads (with their roles).
    """
    keys = ["task", "architecture", "noise", "redundancy", "decoy"]
    decoys, rows = table[table["decoy"] != NO_DECOY], []
    for names, heads in decoys.groupby(keys):
        wrong = heads[roles_found(heads)]
        rows.append(
            dict(zip([*keys[:-1], "kind"], names, strict=True))
            | {"n_models": n_models(heads)}
            | {"n_decoys": len(heads.drop_duplicates([*MODEL, *HEAD]))}
            | {"with_role": len(wrong.drop_duplicates([*MODEL, *HEAD]))}
            | {"heads": named(wrong)}
        )
    columns = [*keys[:-1], "kind", "n_models", "n_decoys", "with_role", "heads"]
    return pd.DataFrame(rows, columns=columns)


def roles_found(heads: pd.DataFrame) -> pd.Series:
    """Whether a role was found, row by row."""
    return heads["found"].map(has_role).astype(bool)


def named(heads: pd.DataFrame) -> str:
    """Heads with the roles that were found, as one text."""
    return ", ".join(
        f"{head_name(row.layer, row.head)} {row.found}" for row in heads.itertuples()
    )


def findings(table: pd.DataFrame) -> pd.DataFrame:
    """How many models have what nobody planted, by architecture and redundancy.

    Columns: task, architecture, redundancy, without (what was left out; nothing where
    decoys were added), kind (a role, `another role`, or a kind of decoy), n_models,
    n_found, n_backups (as in `false_roles`; not among those found).

    What is counted differs: without any circuit, heads with a role; without one role,
    models in which a head has it, and models in which a head has another role that was
    not planted in it; of decoys, heads with a role.
    """
    keys, rows = ["task", "architecture", "redundancy", "without"], []
    nulls = table[table["without"] != NOTHING_LEFT_OUT]
    for names, heads in nulls.groupby(keys):
        cell = dict(zip(keys, names, strict=True))
        cell |= {"n_models": n_models(heads), "n_backups": acting_backups(heads).sum()}
        wrong, without = heads[is_false(heads)], cell["without"]
        own = wrong["found"] == without
        counts = {without: n_models(wrong[own]), ANOTHER: n_models(wrong[~own])}
        if without == NO_CIRCUIT:
            counts = {without: len(wrong)}
        rows += [cell | {"kind": kind, "n_found": n} for kind, n in counts.items()]
    columns = [*keys, "kind", "n_models", "n_found", "n_backups"]
    decoys = decoys_named(table).rename(columns={"with_role": "n_found"})
    decoys = decoys.assign(without=NOTHING_LEFT_OUT, n_backups=0)[columns]
    return pd.concat([pd.DataFrame(rows, columns=columns), decoys], ignore_index=True)


def as_record(table: pd.DataFrame) -> dict[str, list[dict]]:
    """The scores, the null models and the decoys as plain data."""
    record = {"scores": plain_rows(scores(table, keys=EACH))}
    record |= {"null_models": plain_rows(false_roles(table))}
    return record | {"decoys": plain_rows(decoys_named(table))}


def plain_rows(table: pd.DataFrame) -> list[dict]:
    """A table's rows, None where a value is missing."""
    return [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]
