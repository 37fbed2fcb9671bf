"""The check of the config: one line with the key, its value and the allowed values.

Snakemake's own `validate` prints the whole schema and suggests no correction.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from head_patching.terms import DIRECTIONS, PATCH_TYPES


def check_config(config: Mapping[str, Any], schema_file: Path) -> None:
    """Check `config` against the JSON schema in `schema_file`.

    Raises
    ------
    ValueError
        With one line per fault, sorted.
    """
    schema = yaml.safe_load(schema_file.read_text(encoding="utf-8"))
    schema["$defs"] |= {
        "patch_type": {"enum": [*PATCH_TYPES]},
        "direction": {"enum": [*DIRECTIONS]},
    }
    faults = Draft202012Validator(schema).iter_errors(config)
    lines = {line for fault in faults for line in _explain(fault)}
    lines |= {*_not_finite(config), *_whole_floats(config, schema)}
    if lines:
        raise ValueError("\n".join(sorted(lines)))


def check_tasks(tasks: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check that every task has its corruption and positions.

    Parameters
    ----------
    tasks
        The `tasks` of a config that passed `check_config`.
    known
        The `head_patching.tasks.Task` of each name.

    Raises
    ------
    ValueError
        With one line per fault.
    """
    lines = []
    for name, settings in tasks.items():
        chosen = [("corruption", settings["corruption"], known[name].corruptions)]
        chosen += [
            ("positions", position, known[name].position_names)
            for position in settings["positions"]
        ]
        for key, value, allowed in chosen:
            if value not in allowed:
                near = get_close_matches(value, allowed, n=1)
                hint = f" (did you mean {near[0]}?)" if near else ""
                lines.append(
                    f"config: tasks.{name}.{key} is {_shown(value)}, but must be one "
                    f"of {', '.join(allowed)}{hint}"
                )
    if lines:
        raise ValueError("\n".join(lines))


def check_noise(levels: Sequence[str], default: float) -> None:
    """Check that no two noise levels are the same number.

    Raises
    ------
    ValueError
        With the two levels: their models would be counted twice.
    """
    seen: dict[float, str] = {}
    for level in levels:
        number = default if level == "default" else float(level)
        if number in seen:
            raise ValueError(
                f"config: validation.noise has {seen[number]} and {level}, which are "
                "the same level"
            )
        seen[number] = level


def _explain(fault: ValidationError) -> Iterator[str]:
    """Lines for a fault; one per key for unknown and missing keys."""
    place = ".".join(_named(part) for part in fault.absolute_path)
    known = fault.schema.get("properties", {})
    match fault.validator:
        case "additionalProperties":
            for key in fault.instance:
                if key not in known:
                    name = _shown(key)
                    yield _unknown(f"{place}.{name}" if place else name, key, known)
        case "required":
            for key in fault.validator_value:
                if key not in fault.instance:
                    yield f"config: {f'{place}.{key}' if place else key} is missing"
        case _:
            yield (
                f"config: {place or 'the file'} is {_shown(fault.instance)}, "
                f"but must be {_allowed(fault)}"
            )


def _named(key: object) -> str:
    """A key as text without line breaks."""
    text = str(key)
    return text if text.isprintable() else _shown(text)


def _unknown(place: str, key: object, known: Mapping[str, Any]) -> str:
    near = get_close_matches(str(key), list(known), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"config: unknown key {place}, allowed here: {', '.join(known)}{hint}"


def _allowed(fault: ValidationError) -> str:
    """What the violated part of the schema allows, in words."""
    value = fault.validator_value
    match fault.validator:
        case "enum":
            near = get_close_matches(str(fault.instance), map(str, value), n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            return f"one of {', '.join(map(_shown, value))}{hint}"
        case "type":
            kinds = {"object": "a mapping", "array": "a list", "string": "a text"}
            types = [value] if isinstance(value, str) else value
            names = [kinds.get(each, f"a number of type {each}") for each in types]
            return " or ".join(names) + _hint(fault.instance)
        case "minimum":
            return f"at least {value}"
        case "maximum":
            return f"at most {value}"
        case "exclusiveMinimum":
            return f"greater than {value}"
        case "exclusiveMaximum":
            return f"less than {value}"
        case "minItems" | "minProperties":
            return f"a list of at least {value}"
        case "contains":
            return f"a list with {_shown(value['const'])} in it"
        case "uniqueItems":
            return "a list without repetitions"
        case "pattern":
            return fault.schema["$comment"]
        case _:
            return f"valid: {fault.message}"


def _hint(value: object) -> str:
    """A hint for numbers like 1e-4, which YAML reads as a text (1.0e-4 is a number)."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value):
        return f"; YAML reads {value} as a text, write a decimal point"
    return ""


def _not_finite(value: object, place: str = "") -> Iterator[str]:
    """Lines for NaN and infinity, which a JSON schema accepts as numbers."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_finite(
                item, f"{place}.{_named(key)}" if place else _named(key)
            )
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"config: {place} is {value}, but must be a finite number"


def _whole_floats(
    value: object, schema: Mapping[str, Any], place: str = ""
) -> Iterator[str]:
    """Lines for 64.0 in place of 64, which a JSON schema accepts as an integer."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            others = schema.get("additionalProperties", {})
            within = schema.get("properties", {}).get(key, others) or {}
            yield from _whole_floats(item, within, f"{place}.{_named(key)}".lstrip("."))
    elif isinstance(value, float) and schema.get("type") == "integer":
        yield f"config: {place} is {value}, but must be written {value:.0f}"


def _shown(value: object) -> str:
    """The value as in YAML, on one line and cut to 60 characters."""
    is_plain = isinstance(value, str) and value.isprintable() and value
    text = value if is_plain else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
