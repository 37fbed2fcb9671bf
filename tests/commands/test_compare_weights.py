"""`head-patching compare-weights` writes five tables, and the same again."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from head_patching.cli import app
from head_patching.files.writing import write_table
from tests.roles.inspection.test_by_role import EFFECTS, ROLES, WEIGHTS, composition
from tests.tables import complete

OUTPUTS = ("out", "out-roc", "out-pairs", "out-edges", "out-published")


@pytest.mark.parametrize(
    ("model", "n_published"), [("gpt2-small", 5), ("smollm2-135m", 0)]
)
def test_all_tables_are_written_with_a_record(model, n_published, tmp_path):
    tables = {"weights": WEIGHTS, "roles": ROLES, "evidence": EFFECTS}
    tables["composition"] = composition(k={(0, 1, 2, 0): 0.5}, match={})
    for name, table in tables.items():
        write_table(name, tmp_path / f"{name}.csv", complete(name, table))
    written = []
    for run in ("one", "two"):
        words = ["--traceback", "compare-weights", "--model", model]
        words += ["--resamples", 20, "--seed", 3]
        for name in tables:
            words += [f"--{name}", tmp_path / f"{name}.csv"]
        files = [tmp_path / run / f"{name}.csv" for name in OUTPUTS]
        for name, file in zip(OUTPUTS, files, strict=True):
            words += [f"--{name}", file]
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert (tmp_path / run / "out.run.json").is_file()
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    agreement, roc, pairs, edges, published = map(pd.read_csv, files)
    assert len(agreement) == 3
    assert set(roc["criterion"]) == set(agreement["criterion"])
    assert len(pairs) == 3
    assert edges["later_role"].tolist() == ["induction"]
    assert len(published) == n_published
