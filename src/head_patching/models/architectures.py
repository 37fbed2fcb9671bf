"""Refusing models by their config.json, before any weight is read.

A configuration can name Python files of the repository (`auto_map`). They are never
fetched or run: if transformers has its own class for the model, that class is used;
otherwise the model is refused.
"""

import json
import warnings
from pathlib import Path
from typing import Any

from head_patching.models.checkpoint_files import CONFIG

TESTED = "docs/models.md lists the architectures that are tested"


def require_architecture(folder: Path, where: str) -> None:
    """Refuse a model that transformers has no class for.

    Parameters
    ----------
    folder
        Contains `config.json`; no other file is read.
    where
        Name of the model, for messages.

    Raises
    ------
    ValueError
        When the architecture is not known or not one that predicts the next token.
    """
    described = read_object(folder / CONFIG, where)
    model_type = described.get("model_type")
    if quantised := described.get("quantization_config"):
        raise ValueError(
            f"{where}: its weights are quantised ({str(quantised)[:80]}), and only "
            "fp32, fp16 or bf16 is read: name the model that it was made from"
        )
    from transformers import CONFIG_MAPPING, AutoConfig, __version__

    has_code = bool(described.get("auto_map"))
    if model_type not in CONFIG_MAPPING:
        own = "only its own code (auto_map) knows it, which is never run"
        raise ValueError(
            f"{where}: transformers {__version__} has no model type {model_type!r}; "
            f"{own if has_code else TESTED}"
        )
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # the file can make transformers raise anything
        line = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ValueError(
            f"{where}: {CONFIG} cannot be used: {type(error).__name__}: {line}"
        ) from error
    name = require_decoder(config, where)
    if has_code:
        warnings.warn(
            f"{where}: {CONFIG} names code of its own (auto_map); it is not run, the "
            f"{name} of transformers is used",
            stacklevel=2,
        )


def require_decoder(config: Any, where: str) -> str:
    """The architecture's name, if transformers has it and it predicts tokens."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as DECODERS,
    )

    known = DECODERS.get(config.model_type)
    name = (config.architectures or [known or config.model_type])[0]
    if known is None or not name.endswith(("ForCausalLM", "LMHeadModel")):
        raise ValueError(
            f"{where}: {name} does not predict the next token, as patching needs; "
            f"{TESTED}"
        )
    return known


def read_object(file: Path, where: str) -> dict[str, Any]:
    """The object in a JSON file; ValueError when it holds anything else."""
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{where}: {file.name} is not JSON: {error}") from None
    if not isinstance(described, dict):
        raise ValueError(f"{where}: {file.name} is not a JSON object")
    return described
