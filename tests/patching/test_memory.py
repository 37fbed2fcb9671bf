"""A whole patching stage on a model of GPT-2 small's size, within a stated memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from head_patching.planted.checkpoint import word_tokenizer
from tests.planted_models import WORDS

pytestmark = pytest.mark.slow

# Of the process at its peak, torch and all: measured 1.2 GB, of which weights 0.35.
MAX_BYTES = 2e9

STAGE = """
import json, resource, sys
from pathlib import Path
from head_patching.models.loading import load_model
from head_patching.patching.experiment import HeadPatcher
from head_patching.tasks.ioi import ioi_pairs
model = load_model(Path(sys.argv[1]))
pairs = ioi_pairs(model.tokenizer, n_pairs=8, corruption="s2_io_flip", seed=1)
run = HeadPatcher(model).run(pairs)
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"sizes": dict(run.sizes), "peak": peak,
                  "finite": bool(run["logit_diff"].notnull().all())}))
"""


def test_all_heads_of_a_gpt2_small(tmp_path: Path) -> None:
    """Random weights; a vocabulary of some hundred words instead of 50257.

    The embedding and its transpose would take 0.3 GB more.
    """
    tokenizer = word_tokenizer(WORDS)
    config = GPT2Config(vocab_size=len(tokenizer), bos_token_id=1, eos_token_id=None)
    assert (config.n_layer, config.n_head, config.n_embd) == (12, 12, 768)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "checkpoint")
    tokenizer.save_pretrained(tmp_path / "checkpoint")
    code = "from head_patching.cli import app; app()"
    subprocess.run(
        [sys.executable, "-c", code, "prepare-model", "--model",
         str(tmp_path / "checkpoint"), "--out", str(tmp_path / "model")],
        check=True,
    )  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", STAGE, str(tmp_path / "model")],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = json.loads(run.stdout)
    print(f"peak {found['peak'] / 1e9:.2f} GB")
    assert found["sizes"]["layer"] == 12
    assert found["sizes"]["head"] == 12
    assert found["sizes"]["pair"] == 8
    assert found["finite"]
    assert found["peak"] < MAX_BYTES
