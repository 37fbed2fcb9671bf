"""Records in JSON files: read with their version, their keys and the shapes under them.

Run records, descriptions of models, manifests of cached activations, planted circuits
and the provenance of a build are such records.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from head_patching.files.reading import AGAIN, read_json
from head_patching.files.schema import require_version

# What is under a key in every record that has it, as JSON schemas.
TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
RUN = {
    "type": "object",
    "required": ["command", "inputs"],
    "properties": {
        "command": TEXT,
        "inputs": TEXTS,
        "file": TEXT,
        "beside": TEXTS,
        "code": TEXTS,
    },
}
CHECK = {
    "type": "object",
    "properties": {"failed": {"type": "array", "items": TEXT}},
}
WHOLE = {"type": "integer"}
HEADS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["layer", "head"],
        "properties": {"layer": WHOLE, "head": WHOLE},
    },
}
CIRCUIT = {
    "n_heads": WHOLE,
    "n_layers": WHOLE,
    "roles": {"type": "object", "additionalProperties": HEADS},
}
PROVENANCE = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": TEXT, "check": CHECK},
}
SHAPES = RUN["properties"] | {
    "checkpoint": TEXTS,
    "config": {"type": "object"},
    "packages": TEXTS,
    "provenance": PROVENANCE,
    "rules": TEXTS,
    "runs": {"type": "object", "additionalProperties": RUN},
    "settings": {"type": "object"},
    "sha256": TEXT,
}
SHAPES |= CIRCUIT


def read_record(
    path: Path | str,
    keys: Sequence[str] = (),
    again: str = AGAIN,
) -> dict[str, Any]:
    """What was given to `write_json`: with at least these keys, less the version.

    Raises
    ------
    FileNotFoundError
        When the file is not there.
    ValueError
        When it is not JSON, of another schema version, lacks a key, or has something
        else under one than is always there.
    """
    from jsonschema import Draft202012Validator, ValidationError  # slow to import

    record = read_json(path, again)
    require_version(path, record.pop("schema_version", None), again)
    missing = [key for key in keys if key not in record]
    if missing:
        raise ValueError(f"{path}: key {missing[0]!r} is missing: {again}")
    try:
        Draft202012Validator({"properties": SHAPES}).validate(record)
    except ValidationError as fault:
        place, found = ".".join(map(str, fault.absolute_path)), repr(fault.instance)
        expected = f"expected {fault.validator} {fault.validator_value}"
        raise ValueError(
            f"{path}: {place} is {found[:60]}, {expected}: {again}"
        ) from None
    return record
