"""The check of the config: one line that names the key, the value and what is allowed.

Snakemake's own `validate` prints the whole schema and says nothing of a near miss.
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

# In C, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_config(config: Mapping[str, Any], schema_file: Path) -> None:
    """Nothing, when `config` is as the JSON schema in `schema_file` wants it.

    Raises
    ------
    ValueError
        With one line per fault, sorted.
    """
    schema = yaml.load(schema_file.read_text(encoding="utf-8"), LOADER)
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
    """Nothing, when every task has the corruption and the positions that are asked.

    Parameters
    ----------
    tasks
        The `tasks` of a config that passed `check_config`.
    known
        The same tasks as `head_patching.tasks.Task`.

    Raises
    ------
    ValueError
        With one line per fault.
    """
    lines = []
    for name, settings in tasks.items():
        asked = [("corruption", settings["corruption"], known[name].corruptions)]
        asked += [
            ("positions", position, known[name].position_names)
            for position in settings["positions"]
        ]
        for key, value, allowed in asked:
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
    """Nothing, when no two noise levels are the same number; `default` is one, too.

    Raises
    ------
    ValueError
        Which names the two: their models would be counted twice.
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
    """The lines that say what is wrong; one per key for unknown and missing keys."""
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
    """A key in a place, which stays on its line."""
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
    """YAML's trap: 1e-4 is a text to it, 1.0e-4 a number."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value):
        return f"; YAML reads {value} as a text, write a decimal point"
    return ""


def _not_finite(value: object, place: str = "") -> Iterator[str]:
    """Lines for NaN and infinity, which pass every comparison of a schema."""
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
    """Lines for 64.0 where 64 belongs: a schema takes it for a whole number."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            others = schema.get("additionalProperties", {})
            within = schema.get("properties", {}).get(key, others) or {}
            yield from _whole_floats(item, within, f"{place}.{_named(key)}".lstrip("."))
    elif isinstance(value, float) and schema.get("type") == "integer":
        yield f"config: {place} is {value}, but must be written {value:.0f}"


def _shown(value: object) -> str:
    """The value as YAML would have it, on one line, cut to a readable length."""
    is_plain = isinstance(value, str) and value.isprintable() and value
    text = value if is_plain else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
