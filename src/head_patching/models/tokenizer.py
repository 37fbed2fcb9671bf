"""The tokenizer of a checkpoint, read without importing PyTorch.

That import would take a third of the time of writing prompts.
"""

import logging
import os
from pathlib import Path
from typing import Any

from head_patching.models.integrity import require_as_prepared


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint folder.

    Raises
    ------
    FileNotFoundError
        When there is no such folder.
    ValueError
        When its files are not those that the model was prepared from.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} does not exist: run `head-patching prepare-model --model NAME "
            f"--out {folder.parent}`"
        )
    quiet_transformers()
    require_as_prepared(folder, with_weights=False)
    if (folder / "tokenizer.json").is_file():
        # AutoTokenizer would choose it too, after importing every model.
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast.from_pretrained(
            str(folder), local_files_only=True
        )
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(
        str(folder), local_files_only=True, trust_remote_code=False
    )


def quiet_transformers() -> None:
    """Silence what importing transformers prints about optional packages."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.getLogger("transformers").setLevel(logging.ERROR)
