"""The chapter typeset: nothing undefined, nothing in the margin, same bytes twice."""

import math
import re
import shutil

import pandas as pd
import pytest

from figures.style import TEXT_WIDTH
from head_patching.files.pairs_file import PairsFile
from tests.paper.conftest import PAPER, latexmk, lay_out, text_of

pytestmark = pytest.mark.skipif(
    shutil.which("latexmk") is None, reason="latexmk is not installed"
)

POINTS_PER_INCH = 72.27
MAIN = "paper/standalone.tex"
SMALL = r"""\documentclass{article}
\usepackage{paper/results}
\defresult{a/top-head_1}{L9H6}
\defresult{a/yes}{true}
\defresult{a/no}{false}
\begin{document}
%s
\end{document}
"""


@pytest.fixture(scope="module")
def built(chapter_folder):
    """The folder after the chapter was typeset in it."""
    run = latexmk(chapter_folder, MAIN)
    assert run.returncode == 0, run.stdout[-3000:]
    return chapter_folder


def test_nothing_is_undefined_and_nothing_sticks_out(built):
    log = (built / "results/paper/standalone.log").read_text(errors="replace")
    assert "undefined" not in log
    assert "multiply defined" not in log
    sticking_out = re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)
    assert [width for width in sticking_out if float(width) > 5] == []
    assert "Overfull \\vbox" not in log
    assert "Float too large" not in log


def test_the_pdf_has_no_gaps(built):
    text = text_of(built / "results/paper/standalone.pdf")
    assert "??" not in text
    assert "SmolLM2-135M-Instruct" in text
    assert "L24H4 (+0.42, [+0.35, +0.49])" in text
    assert "3.41 ([3.26, 3.56]) where 3.56 was published" in text
    assert "was run on three models" in text
    assert "five of six published values agree" in text
    assert "not found in the role that it gives: L2H2" in text


def test_figures_are_as_wide_as_the_text(built):
    log = (built / "results/paper/standalone.log").read_text(errors="replace")
    width = float(re.search(r"^textwidth=([\d.]+)pt", log, flags=re.MULTILINE)[1])
    assert width / POINTS_PER_INCH == pytest.approx(TEXT_WIDTH, abs=1e-3)


def test_two_builds_give_the_same_bytes(built, tmp_path):
    for part in ("paper", "results"):
        ignore = shutil.ignore_patterns("standalone.*") if part == "results" else None
        shutil.copytree(built / part, tmp_path / part, ignore=ignore)
    assert latexmk(tmp_path, MAIN).returncode == 0
    first, second = (
        (folder / "results/paper/standalone.pdf").read_bytes()
        for folder in (built, tmp_path)
    )
    assert first == second


def test_the_text_stays_true_under_other_results(
    ioi, induction, chapter_folder, tmp_path
):
    """No effect, no role, another corruption, another model, a single patch type."""
    effects = ioi["effects"].query("patch_type == 'output'")
    header, pairs = ioi["pairs"]
    config, about = ioi["model"]["config"], ioi["model"]["provenance"]
    empty = ("models", "model_roles", "replication", "role_agreement")
    other = ioi.but(
        effects=effects.assign(important=0),
        behaviour=ioi["behaviour"].assign(ci_low=-1.0, ci_high=1.0),
        roles=ioi["roles"].assign(role="no role", important=0, missing=""),
        pairs=PairsFile(header | {"corruption": "abc", "prepend_bos": True}, pairs),
        model={
            "config": config | {"name": "GPT-2 small", "n_key_value_heads": 9},
            "provenance": about | {"files": {"model.safetensors": "ab" * 32}},
        },
        role_disagreements=ioi["role_disagreements"].head(0),
        **{name: ioi[name].head(0) for name in empty},
    )
    lay_out(tmp_path, other + without_agreement(induction))
    shutil.copytree(chapter_folder / "results/figures", tmp_path / "results/figures")
    run = latexmk(tmp_path, MAIN)
    assert run.returncode == 0, run.stdout[-3000:]
    text = text_of(tmp_path / "results/paper/standalone.pdf")
    for said in (
        "there is no set of heads for the weights to tell apart",
        "cannot be correlated with any criterion",
        "there is no pair of a previous token head and an induction head",
        "No pair stands out by keys",
        "report two heads as induction heads (L11H3 and L20H1)",
        "no heads matter for sufficiency",
        "doubtful whether the model does the task",
        "No head qualifies as a name mover",
        "all three names are replaced",
        "A beginning-of-sequence token is prepended",
        "No important effect is negative",
        "No head with an important effect is left without a role",
    ):
        assert said in text, said
    for unsaid in (
        "Other models",
        "Replication of published values",
        "from some of these heads",
        "SmolLM2",
        "four-bit",
        "quantised",
        "share one key",
        "As name movers qualify",
        "area under the ROC curve of",
        "The important heads lie between",
        "Which part of a head matters",
        "the name at S2 is replaced by the name at IO",
    ):
        assert unsaid not in text, unsaid


def without_agreement(tables):
    """The tables when weights and patching have nothing in common to compare."""
    reported = pd.DataFrame({"layer": [11, 20], "head": [3, 1], "source": "somewhere"})
    agreement, pairs = tables["weight_agreement"], tables["weight_pairs"]
    return tables.but(
        weight_agreement=agreement.assign(auc=math.nan, spearman=math.nan),
        weight_pairs=pairs.assign(difference=math.nan, p_value=math.nan, n_pairs=0),
        composition_edges=tables["composition_edges"].head(0),
        published_heads=reported,
    )


def small(tmp_path, body: str):
    """The run of a small document that uses results.sty."""
    (tmp_path / "paper").mkdir()
    shutil.copy(PAPER / "results.sty", tmp_path / "paper")
    (tmp_path / "small.tex").write_text(SMALL % body)
    return latexmk(tmp_path, "small.tex")


def test_results_are_looked_up(tmp_path):
    body = r"\result{a/top-head_1}: \ifresult{a/yes}{right}{wrong}\ifresult{a/no}{!}{.}"
    assert small(tmp_path, body).returncode == 0
    assert text_of(tmp_path / "results/paper/small.pdf").startswith("L9H6: right.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (r"\result{a/top-haed}", "There is no result `a/top-haed'"),
        (r"\ifresult{a/maybe}{x}{y}", "There is no result `a/maybe'"),
        (r"\ifresult{a/top-head_1}{x}{y}", "neither true nor false"),
        (r"\defresult{a/yes}{false}", "`a/yes' is defined twice"),
        (r"\countedheads{a}", "There is no result `a/n-words'"),
    ],
)
def test_a_wrong_key_stops_the_build(tmp_path, body, message):
    run = small(tmp_path, body)
    assert run.returncode != 0
    assert message in run.stdout
    assert not (tmp_path / "results/paper/small.pdf").exists()


def test_a_changed_number_changes_the_text(ioi, induction, chapter_folder, tmp_path):
    effects = ioi["effects"].copy()
    top = (effects["layer"] == 24) & (effects["head"] == 4)
    effects.loc[top, ["effect", "ci_low", "ci_high"]] = [0.9, 0.8, 1.0]
    lay_out(tmp_path, ioi.but(effects=effects) + induction)
    shutil.copytree(chapter_folder / "results/figures", tmp_path / "results/figures")
    assert latexmk(tmp_path, MAIN).returncode == 0
    text = text_of(tmp_path / "results/paper/standalone.pdf")
    assert "L24H4 (+0.90, [+0.80, +1.00])" in text
    assert "which is also the strongest head in denoising" in text


def test_without_the_second_task_its_section_is_left_out(ioi, chapter_folder, tmp_path):
    lay_out(tmp_path, ioi.but(overlap=ioi["overlap"].head(0)))
    shutil.copytree(chapter_folder / "results/figures", tmp_path / "results/figures")
    run = latexmk(tmp_path, MAIN)
    assert run.returncode == 0, run.stdout[-3000:]
    text = text_of(tmp_path / "results/paper/standalone.pdf")
    assert "Induction heads" not in text
    assert "??" not in text
