"""The tokenizer comes without what the rest of the model needs."""

import subprocess
import sys

import pytest

from tests.architectures import D_VOCAB, word_tokenizer


@pytest.fixture
def folder(tmp_path):
    """A checkpoint of which only the tokenizer is there."""
    checkpoint = tmp_path / "checkpoint"
    word_tokenizer().save_pretrained(checkpoint)
    return checkpoint


def test_reading_a_tokenizer_does_not_import_torch(folder):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from head_patching.models.tokenizer import load_tokenizer\n"
        f"tokenizer = load_tokenizer(Path({str(folder)!r}))\n"
        "print(len(tokenizer), 'torch' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == [str(D_VOCAB), "False"]
