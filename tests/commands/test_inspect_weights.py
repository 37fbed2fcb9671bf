"""`head-patching inspect-weights` writes what `inspect` gives, and the same again."""

import pandas as pd
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.models.loading import load_model, prepare_model
from head_patching.planted.checkpoint import write_planted
from head_patching.planted.circuit import PlantedModel
from head_patching.roles.inspection.tables import inspect
from tests.planted_models import WORDS


def test_both_tables_are_written_with_a_record(tmp_path):
    write_planted(PlantedModel("gpt2", 2), WORDS, tmp_path / "checkpoint")
    prepare_model(str(tmp_path / "checkpoint"), tmp_path / "model")
    written = []
    for run in ("one", "two"):
        out = tmp_path / run / "weights.csv"
        composition = tmp_path / run / "composition.csv"
        words = [
            "--traceback", "inspect-weights", "--model-folder", tmp_path / "model",
            "--seed", 5, "--out", out, "--out-composition", composition, "--threads", 1,
        ]  # fmt: skip
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert (tmp_path / run / "weights.run.json").is_file()
        written.append((out.read_bytes(), composition.read_bytes()))
    assert written[0] == written[1]
    expected = inspect(load_model(tmp_path / "model"), seed=5)
    for path, table in zip((out, composition), expected, strict=True):
        pd.testing.assert_frame_equal(pd.read_csv(path), table, atol=1e-6, rtol=0,
            check_dtype=False)  # fmt: skip
