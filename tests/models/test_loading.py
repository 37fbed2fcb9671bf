"""What cannot be prepared or loaded is refused in one line that names it."""

import json
import re

import pytest
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from head_patching.files.checksums import sha256_file
from head_patching.models.loading import (
    load_model,
    new_folder,
    prepare_model,
)
from head_patching.models.tokenizer import load_tokenizer
from head_patching.patching.experiment import HeadPatcher
from head_patching.planted import construct
from head_patching.planted.circuit import DEFAULT_NOISE
from head_patching.tasks import find_task
from tests.architectures import save_checkpoint, word_tokenizer


@pytest.mark.parametrize("architecture", ["gpt2", "neox", "llama"])
def test_a_weight_of_another_shape_than_the_config_says(architecture, tmp_path):
    checkpoint = save_checkpoint(architecture, tmp_path / "checkpoint")
    weights = checkpoint / "model.safetensors"
    tensors = load_file(weights)
    name = max(tensors, key=lambda key: tensors[key].numel())
    rows, columns = tensors[name].shape
    tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="expected") as error:
        prepare_model(str(checkpoint), tmp_path / "out")
    message = str(error.value)
    assert f"model.safetensors: weight {name} has shape" in message
    assert f"[{rows - 1}, {columns}], expected [{rows}, {columns}]" in message
    assert not (tmp_path / "out" / "model.json").exists()


def test_a_tokenizer_with_more_tokens_than_the_model_embeds(tmp_path):
    checkpoint = save_checkpoint("gpt2", tmp_path / "checkpoint")
    tokenizer = word_tokenizer()
    tokenizer.add_tokens(["another", "and-another"])
    tokenizer.save_pretrained(str(checkpoint))
    with pytest.raises(ValueError, match="has 55 tokens, the model embeds only 53"):
        prepare_model(str(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out" / "model.json").exists()


def test_preparing_again_leaves_nothing_of_the_model_before(tmp_path):
    first = save_checkpoint("gpt2", tmp_path / "first")
    second = save_checkpoint("llama", tmp_path / "second")
    prepare_model(str(first), tmp_path / "out")
    (tmp_path / "out" / "checkpoint" / "model-00001-of-00002.safetensors").touch()
    prepare_model(str(second), tmp_path / "out")
    left = {file.name for file in (tmp_path / "out" / "checkpoint").iterdir()}
    assert left <= {file.name for file in second.iterdir()}
    assert load_model(tmp_path / "out").config.architecture == "LlamaForCausalLM"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="prepare-model"):
        load_tokenizer(tmp_path / "nowhere" / "checkpoint")
    with pytest.raises(FileNotFoundError, match="is not a prepared model"):
        load_model(tmp_path / "nowhere")


def test_weights_that_are_not_numbers(prepared, tmp_path):
    model, _ = prepared
    folder = tmp_path / "model"
    folder.mkdir()
    record = json.loads((model.folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(record))
    tensors = load_file(model.folder / "weights.safetensors")
    tensors["blocks.1.attn.W_O"][0, 0, 0] = float("nan")
    save_file(tensors, folder / "weights.safetensors")
    with pytest.raises(ValueError, match="its SHA-256 is not that in model"):
        load_model(folder)
    checksum = sha256_file(folder / "weights.safetensors")
    (folder / "model.json").write_text(json.dumps(record | {"sha256": checksum}))
    with pytest.raises(ValueError, match=r"weight blocks.1.attn.W_O holds NaN"):
        load_model(folder)


@pytest.mark.parametrize("architecture", ["gpt2", "neox", "llama"])
def test_a_weight_that_is_missing(architecture, tmp_path):
    """Transformers would put random numbers in its place."""
    checkpoint = save_checkpoint(architecture, tmp_path / "checkpoint")
    weights = checkpoint / "model.safetensors"
    tensors = load_file(weights)
    name = max(tensors, key=lambda key: tensors[key].numel())
    del tensors[name]
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"the weights lack {re.escape(name)}, which"):
        prepare_model(str(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out" / "model.json").exists()


def test_weights_that_are_cut_off(tmp_path):
    checkpoint = save_checkpoint("gpt2", tmp_path / "checkpoint")
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model.safetensors is not .* or damaged"):
        prepare_model(str(checkpoint), tmp_path / "out")


def test_nothing_is_left_when_the_disk_is_full(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "of-an-earlier-model").touch()

    def fill():
        with new_folder(folder):
            folder.mkdir()
            (folder / "begun").touch()
            raise SafetensorError("I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match=r"No space left.*checkpoint"):
        fill()
    assert not folder.exists()


PLANTED = {
    "planted-gpt2": "by seed 0, noise 0.1",
    "planted-gpt2-redundant": "noise 0.1, redundancy 2, saturated attention",
    "planted-llama": "by seed 0, noise 0.1",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_registered_planted_model(name, tmp_path):
    with pytest.raises(ValueError, match="is constructed"):
        prepare_model(name, tmp_path / "none")
    record = prepare_model(name, tmp_path / "out", construct)
    truth = json.loads((tmp_path / "out/checkpoint/truth.json").read_text())
    assert truth["noise"] == DEFAULT_NOISE
    assert truth["seed"] == 0
    assert record["provenance"]["source"].endswith(PLANTED[name])
    model = load_model(tmp_path / "out")
    for task, corruption in (("ioi", "s2_io_flip"), ("induction", "b1_replaced")):
        pairs = find_task(task).build(model.tokenizer, 8, corruption, 1)
        run = HeadPatcher(model).run(pairs, heads=[])
        assert (run.clean_logit_diff > 0).all()
        assert (run.clean_logit_diff > run.corrupt_logit_diff).all()
