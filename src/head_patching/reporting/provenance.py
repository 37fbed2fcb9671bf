"""The model, the settings and the software that the results were made with."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from head_patching.reporting.discovery import latex_table, numbers
from head_patching.reporting.keys import Numbers, flag
from head_patching.reporting.rounding import escape, format_percent, join_names
from head_patching.reporting.tabular import breakable, tabular

PACKAGES_SHOWN = (
    "python",
    "torch",
    "transformer-lens",
    "transformers",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "matplotlib",
    "snakemake",
)


@numbers
def model_numbers(model: Mapping[str, Any]) -> Numbers:
    """The model's shape and where its weights come from."""
    config, about = model["config"], model["provenance"]
    name = config["name"]
    n_heads, n_groups = config["n_heads"], config["n_key_value_heads"]
    return {
        "model/name": escape(name),
        "model/n-layers": str(config["n_layers"]),
        "model/n-heads": str(n_heads),
        "model/n-heads-total": str(config["n_layers"] * n_heads),
        "model/n-key-value-heads": str(n_groups),
        "model/d-model": str(config["d_model"]),
        "model/d-head": str(config["d_head"]),
        "model/license": escape(about.get("license") or "not stated"),
        "model/source": escape(about.get("source") or "not stated"),
        "model/grouped-query": flag(n_groups < n_heads),
        "model/rms-norm": flag(config["normalization"] == "RMS"),
        "model/quantised": flag(any(f.endswith(".gguf") for f in about["files"])),
        "model/is-smollm2": flag("smollm2" in name.lower()),
        "model/is-gpt2-small": flag(name.lower() in ("gpt-2 small", "gpt2")),
    }


@numbers
def setting_numbers(provenance: Mapping[str, Any]) -> Numbers:
    """The settings that the text names."""
    settings = provenance["settings"]
    threshold = settings["importance.threshold"]
    rate = settings["importance.false_discovery_rate"]
    share = settings["chosen_heads.share_of_threshold"]
    return {
        "settings/resamples": str(settings["statistics.resamples"]),
        "settings/sign-flips": str(settings["statistics.sign_flips"]),
        "settings/statistics-seed": str(settings["statistics.seed"]),
        "settings/level": format_percent(settings["statistics.level"]),
        "settings/validation-pairs": str(settings["validation.n_pairs"]),
        "settings/distances": join_names(
            [str(number) for number in settings["weights.distances"]]
        ),
        "settings/random-groups": str(settings["groups.random_groups"]),
        "settings/redundant-below": f"{settings['groups.redundant_below']:g}",
        "settings/necessary-above": f"{settings['groups.necessary_above']:g}",
        "settings/rotations": str(settings["weights.rotations"]),
        "settings/edge": f"{settings['weights.edge']:g}",
        "settings/threshold": f"{threshold:g}",
        "settings/estimate-threshold": f"{threshold * share:g}",
        "settings/threshold-percent": f"{100 * threshold:g}",
        "settings/false-discovery-rate": f"{rate:g}",
        "settings/false-discovery-percent": f"{100 * rate:g}",
    }


@latex_table
def provenance_table(model: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Model, settings and package versions; each part by name."""
    about = model["provenance"]
    rows = [("model", "name", escape(about["name"]))]
    rows += [
        ("model", key, escape(about[key]))
        for key in ("source", "license", "convention")
        if about.get(key)
    ]
    if about.get("revision"):
        rows.append(("model", "commit", breakable(about["revision"])))
    rows += [
        ("model", "file", rf"{escape(name)} \newline SHA-256 {breakable(checksum)}")
        for name, checksum in sorted(about["files"].items())
    ]
    rows += [
        ("settings", escape(part or "config.yaml"), escape("; ".join(values)))
        for part, values in settings_by_part(provenance["settings"]).items()
    ]
    packages = provenance["packages"]
    shown = [name for name in PACKAGES_SHOWN if name in packages]
    versions = ", ".join(f"{name} {packages[name]}" for name in shown)
    rows.append(("software", "packages", escape(versions)))
    lines, previous = [], None
    for part, key, value in rows:
        lines.append([part if part != previous else "", key, value])
        previous = part
    table = pd.DataFrame(lines, columns=["", "Item", "Value"])
    wide = r">{\raggedright\arraybackslash}p{11.7cm}"
    return tabular(table, rf"@{{}}ll{wide}@{{}}")


def settings_by_part(settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Keys and values of the config, by the part of the config that they belong to.

    Examples
    --------
    >>> settings_by_part({"weights.edge": 6.0, "shards": 1, "weights.rotations": 9})
    {'': ['shards 1'], 'weights': ['edge 6.0', 'rotations 9']}
    """
    parts: dict[str, list[str]] = {}
    for name in sorted(settings, key=lambda name: name.rpartition(".")):
        part, _, key = name.rpartition(".")
        parts.setdefault(part, []).append(f"{key} {_plain(settings[name])}")
    return parts


def _plain(value: Any) -> str:
    """A setting as text: lists without brackets, booleans as in the config."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
