"""Models from a hub, by the real loading code and a loopback server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from head_patching.models.checkpoints import locate
from head_patching.models.hub import fetch_snapshot
from head_patching.models.loading import load_model, prepare_model
from head_patching.models.registry import HubModel
from tests.hub import serving

MODEL = HubModel("some/model", "model")
WEIGHTS = "model.safetensors"


def edited(folder: Path, file: str, **changes: object) -> Path:
    """The folder, with some keys of a JSON file changed."""
    settings = json.loads((folder / file).read_text()) | changes
    (folder / file).write_text(json.dumps(settings))
    return folder


@pytest.fixture
def copy(served: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the small GPT-2 checkpoint."""
    return Path(shutil.copytree(served["gpt2"], tmp_path / "copy"))


@pytest.mark.parametrize("architecture", ["gpt2", "neox", "llama"])
def test_a_served_model_equals_the_folder(architecture, served, hub, tmp_path):
    commit = hub.add("some/model", served[architecture])
    record = prepare_model("some/model", tmp_path / "from_hub")
    prepare_model(str(served[architecture]), tmp_path / "from_folder")
    weights = [tmp_path / name / "weights.safetensors" for name in
               ("from_hub", "from_folder")]  # fmt: skip
    assert weights[0].read_bytes() == weights[1].read_bytes()
    provenance = record["provenance"]
    assert provenance["revision"] == commit
    assert provenance["name"] == "some--model"
    for name in ("config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"):
        content = (served[architecture] / name).read_bytes()
        assert provenance["files"][name] == hashlib.sha256(content).hexdigest()
    assert load_model(tmp_path / "from_hub").config.n_layers == 3


def test_a_revision_that_is_named(served, hub, tmp_path):
    hub.add("some/model", served["llama"])
    tagged = hub.add("some/model", served["gpt2"], tag="v1.0")
    record = prepare_model("some/model@v1.0", tmp_path)
    assert record["provenance"]["revision"] == tagged
    assert record["config"]["architecture"] == "GPT2LMHeadModel"
    assert fetch_snapshot(HubModel("some/model", "model", tagged)).commit == tagged


def test_a_download_that_is_cut_is_resumed(served, hub):
    hub.add("some/model", served["planted"])
    whole = (served["planted"] / WEIGHTS).read_bytes()
    hub.cuts[WEIGHTS] = 1
    snapshot = fetch_snapshot(MODEL)
    [weights] = [file for file in snapshot.files if file.name == WEIGHTS]
    assert weights.read_bytes() == whole
    first, second = hub.sent(WEIGHTS)
    assert first.n_bytes == len(whole) // 2
    # What had arrived in whole pieces is not sent again.
    assert 0 < second.first_byte <= first.n_bytes
    assert second.n_bytes == len(whole) - second.first_byte


def test_a_download_that_fails_keeps_what_is_complete(served, hub, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.add("some/model", served["gpt2"])
    hub.cuts[WEIGHTS] = 100
    with pytest.raises(FileNotFoundError, match=r"broke off .* run the same command"):
        fetch_snapshot(MODEL)
    hub.cuts.clear()
    fetch_snapshot(MODEL)
    assert len(hub.sent("config.json")) == 1
    assert hub.sent(WEIGHTS)[-1].n_bytes == (served["gpt2"] / WEIGHTS).stat().st_size
    n_requests = len(hub.sent(WEIGHTS))
    fetch_snapshot(MODEL)
    assert len(hub.sent(WEIGHTS)) == n_requests


def test_the_command_line(served, tmp_path):
    """By HF_ENDPOINT and HF_HOME: served, then from the cache, then a clear no."""

    def prepare(name: str, out: str, url: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "c")}
        environment.pop("HF_HUB_OFFLINE", None)
        code = "from head_patching.cli import app; app()"
        arguments = ["prepare-model", "--model", name, "--out", str(tmp_path / out)]
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip

    with serving() as hub:
        hub.add("some/model", served["gpt2"])
        assert prepare("some/model", "online", hub.url).returncode == 0
    cached = prepare("some/model", "cached", hub.url)
    assert cached.returncode == 0, cached.stderr
    for name in ("model.json", "weights.safetensors"):
        first, second = (tmp_path / out / name for out in ("online", "cached"))
        assert first.read_bytes() == second.read_bytes()
    missing = prepare("other/model@v2", "missing", hub.url)
    assert missing.returncode == 1
    [line] = missing.stderr.splitlines()
    assert line.startswith("error: other/model (v2) is neither in the cache")
    assert "run `hf download other/model --revision v2` once" in line
    assert "or put its config.json, safetensors and tokenizer files into a f" in line
    assert not (tmp_path / "missing").exists()


def test_a_new_model_that_cannot_be_had_leaves_the_old_one(served, hub, tmp_path):
    prepare_model(str(served["gpt2"]), tmp_path / "out")
    before = (tmp_path / "out" / "model.json").read_bytes()
    with pytest.raises(ValueError, match="nobody/nothing is not on the hub"):
        prepare_model("nobody/nothing", tmp_path / "out")
    assert (tmp_path / "out" / "model.json").read_bytes() == before
    assert load_model(tmp_path / "out").config.n_layers == 3


def test_a_revision_that_is_not_there(served, hub):
    hub.add("some/model", served["gpt2"])
    with pytest.raises(ValueError, match="some/model has no revision 'v9' on the hub"):
        fetch_snapshot(HubModel("some/model", "model", "v9"))
    with pytest.raises(ValueError, match="has no revision 'ffff"):
        fetch_snapshot(HubModel("some/model", "model", "f" * 40))


def test_pickled_weights_are_refused_unread(copy, hub, tmp_path):
    (copy / WEIGHTS).rename(copy / "pytorch_model.bin")
    hub.add("some/model", copy)
    for name in ("some/model", str(copy)):
        with pytest.raises(ValueError, match=r"as pytorch_model.bin alone") as refusal:
            prepare_model(name, tmp_path / "out")
        assert "from_pretrained(MODEL).save_pretrained(FOLDER)" in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert hub.sent("pytorch_model.bin") == []
    assert not (tmp_path / "out").exists()


def test_pickled_weights_beside_safetensors_are_left(copy, hub):
    (copy / "pytorch_model.bin").write_bytes(b"pickle")
    (copy / "onnx").mkdir()
    (copy / "onnx" / WEIGHTS).write_bytes(b"another form of the model")
    hub.add("some/model", copy)
    names = {file.name for file in fetch_snapshot(MODEL).files}
    assert names == {"config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json"}
    assert hub.sent("pytorch_model.bin") == []
    assert hub.sent("onnx/" + WEIGHTS) == []


def test_weights_in_shards(copy, hub, tmp_path):
    tensors = load_file(copy / WEIGHTS)
    (copy / WEIGHTS).unlink()
    names = sorted(tensors)
    halves = {"model-00001-of-00002.safetensors": names[::2]}
    halves["model-00002-of-00002.safetensors"] = names[1::2]
    for file, part in halves.items():
        save_file({name: tensors[name] for name in part}, copy / file, {"format": "pt"})
    where = {name: file for file, part in halves.items() for name in part}
    index = {"metadata": {}, "weight_map": where}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    hub.add("some/model", copy)
    record = prepare_model("some/model", tmp_path / "out")
    assert {*halves, "model.safetensors.index.json"} <= {*record["provenance"]["files"]}
    loaded = load_model(tmp_path / "out")
    torch.testing.assert_close(
        loaded.W_pos - loaded.W_pos.mean(1, keepdim=True),
        centred(tensors["transformer.wpe.weight"]),
    )

    hub.add("some/less", copy)
    del hub.repositories["some/less"]["model-00002-of-00002.safetensors"]
    with pytest.raises(ValueError, match="lacks model-00002-of-00002"):
        prepare_model("some/less", tmp_path / "less")
    outside = where | {names[0]: "../elsewhere.safetensors"}
    (copy / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": outside})
    )
    with pytest.raises(ValueError, match="which is no file there"):
        prepare_model(str(copy), tmp_path / "outside")


def centred(weight: torch.Tensor) -> torch.Tensor:
    return weight - weight.mean(1, keepdim=True)


CODE = """
from pathlib import Path
Path({marker!r}).touch()
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
class Config(GPT2Config): pass
class Model(GPT2LMHeadModel): config_class = Config
class Tokenizer(PreTrainedTokenizerFast): pass
"""


@pytest.fixture
def with_code(copy: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint with code of its own, and the file that this would write."""
    marker = tmp_path / "was_run"
    (copy / "modeling.py").write_text(CODE.format(marker=str(marker)))
    places = {
        "AutoConfig": "modeling.Config",
        "AutoModelForCausalLM": "modeling.Model",
        "AutoTokenizer": [None, "modeling.Tokenizer"],
    }
    edited(copy, "config.json", auto_map=places)
    edited(copy, "tokenizer_config.json", auto_map=places)
    return copy, marker


def test_the_code_would_run_if_it_were_trusted(with_code, monkeypatch, tmp_path):
    """Else the tests below would prove nothing."""
    from transformers import AutoConfig, dynamic_module_utils

    modules = str(tmp_path / "modules")
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", modules)
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder, marker = with_code
    AutoConfig.from_pretrained(str(folder), trust_remote_code=True)
    assert marker.exists()


@pytest.mark.parametrize("answer", ["", "y\n" * 9])
def test_no_code_of_a_repository_is_run(with_code, hub, tmp_path, answer, monkeypatch):
    """Even when somebody would answer transformers' question with yes."""
    folder, marker = with_code
    monkeypatch.setattr("builtins.input", lambda *_: answer.strip()[:1])
    hub.add("some/model", folder)
    for number, name in enumerate(["some/model", str(folder)]):
        out = tmp_path / str(number)
        with pytest.warns(UserWarning, match="names code of its own .* not run"):
            prepare_model(name, out)
        assert not marker.exists()
        assert load_model(out).config.architecture == "GPT2LMHeadModel"
        left = [file.name for file in (out / "checkpoint").iterdir()]
        assert "modeling.py" not in left
        assert "auto_map" not in (out / "checkpoint/config.json").read_text()
    assert hub.sent("modeling.py") == []
    edited(folder, "config.json", model_type="their_own")
    hub.add("some/own", folder)
    with pytest.raises(ValueError, match=r"only its own code .* never run"):
        prepare_model("some/own", tmp_path / "own")
    assert not marker.exists()
    assert [r for r in hub.requests if "some/own/resolve" in r.path and
            WEIGHTS in r.path] == []  # fmt: skip


@pytest.mark.parametrize(
    ("file", "changes", "line"),
    [
        ("config.json", {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
         "BertForMaskedLM does not predict the next token"),
        ("config.json", {"model_type": "reformer", "architectures": ["ReformerModel"]},
         "ReformerModel does not predict the next token"),
        ("config.json", {"model_type": "gpt22"},
         "has no model type 'gpt22'; docs/models.md"),
        ("config.json", {"n_layer": "many"}, "config.json cannot be used"),
    ],
)  # fmt: skip
def test_what_config_json_rules_out(file, changes, line, copy, hub, tmp_path):
    hub.add("some/model", edited(copy, file, **changes))
    with pytest.raises(ValueError, match=line) as refusal:
        prepare_model("some/model", tmp_path / "out")
    assert "\n" not in str(refusal.value)
    assert hub.sent(WEIGHTS) == []


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("config.json", "holds no config.json"),
        (WEIGHTS, "holds no weights: expected model.safetensors or"),
        ("tokenizer.json", "holds no tokenizer: expected one of tokenizer.json, "),
    ],
)
def test_what_a_repository_must_hold(missing, line, copy, hub, tmp_path):
    (copy / missing).unlink()
    hub.add("some/model", copy)
    with pytest.raises(ValueError, match=line):
        prepare_model("some/model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
def test_a_cached_file_that_is_damaged(served, hub, tmp_path, name):
    hub.add("some/model", served["gpt2"])
    [damaged] = [file for file in fetch_snapshot(MODEL).files if file.name == name]
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.resolve().write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged in the cache .* delete "):
        prepare_model("some/model", tmp_path / "out")
    assert not (tmp_path / "out" / "model.json").exists()


def test_a_cache_that_holds_a_part(hub, served):
    """As an older huggingface_hub leaves it: without a list of what there is."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE) / "models--some--model"
    snapshot = cache / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("a" * 40)
    shutil.copy(served["gpt2"] / "config.json", snapshot)
    constants.HF_HUB_OFFLINE = True  # the fixture puts it back
    with pytest.raises(FileNotFoundError, match="only a part of it is cached"):
        fetch_snapshot(MODEL)
    for name in (WEIGHTS, "tokenizer.json"):
        shutil.copy(served["gpt2"] / name, snapshot)
    found = locate(MODEL)
    assert found.commit == "a" * 40
    assert len(found.files) == 3
    assert hub.requests == []


def test_an_old_tokenizer_gets_the_file_that_the_workflow_reads(copy, hub, tmp_path):
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer_config.json").unlink()
    letters = [*"abcdefghijklmnopqrstuvwxyz", "ab", "<|endoftext|>"]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    (copy / "vocab.json").write_text(json.dumps(vocabulary))
    (copy / "merges.txt").write_text("#version: 0.2\na b\n")
    hub.add("some/model", copy)
    record = prepare_model("some/model", tmp_path)
    assert {"vocab.json", "merges.txt"} <= {*record["provenance"]["files"]}
    assert (tmp_path / "checkpoint/tokenizer.json").is_file()
    assert load_model(tmp_path).tokenizer("abc")["input_ids"] == [26, 2]
