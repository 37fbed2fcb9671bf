"""The chapter's typesetting: equal bytes, and the fault in one line."""

import shutil
from pathlib import Path

import pytest

from head_patching.building.typesetting import problems, typeset

needs_tex = pytest.mark.skipif(
    shutil.which("latexmk") is None, reason="latexmk is not installed"
)

STANDALONE = r"""
\documentclass{article}
\pdfinfoomitdate=1 \pdftrailerid{} \pdfsuppressptexinfo=-1
\usepackage{natbib}
\begin{document}
\input{chapter}
\bibliographystyle{plainnat}
\bibliography{references}
\end{document}
"""
REFERENCES = "@article{wang, title={IOI}, author={Wang, K}, year=2022, journal={X}}"


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text that can be typeset."""
    monkeypatch.chdir(tmp_path)
    folder = Path("paper")
    folder.mkdir()
    (folder / "standalone.tex").write_text(STANDALONE)
    (folder / "references.bib").write_text(REFERENCES)
    (folder / "chapter.tex").write_text(r"\section{A}\label{a} \ref{a} \citet{wang}")
    return folder


def build(paper: Path) -> bytes:
    typeset(paper / "standalone.tex", "out/chapter.pdf", epoch=0, search=[paper])
    return Path("out/chapter.pdf").read_bytes()


@needs_tex
def test_two_builds_are_equal_and_leave_nothing_else(paper: Path) -> None:
    assert build(paper) == build(paper)
    assert [path.name for path in Path("out").iterdir()] == ["chapter.pdf"]


@needs_tex
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (r"\ref{nowhere}", r"Reference `nowhere' on page 1 undefined"),
        (r"\citet{nobody}", r"Citation `nobody' on page 1 undefined"),
        (r"\label{a}\label{a}", r"Label `a' multiply defined"),
        (r"see \nothing", r"paper/chapter.tex:1: Undefined control sequence"),
        (r"\includegraphics{x}", r"paper/chapter.tex:1: Undefined control sequence"),
        (r"\input{missing}", r"File `missing.tex' not found"),
    ],
)
def test_a_fault_is_one_line_and_no_file(paper: Path, text: str, fault: str) -> None:
    (paper / "chapter.tex").write_text(text)
    with pytest.raises(ValueError, match=fault) as caught:
        build(paper)
    assert "\n" not in str(caught.value)
    assert not list(Path("out").iterdir())


@needs_tex
def test_a_fault_in_the_bibliography_is_named(paper: Path) -> None:
    (paper / "references.bib").write_text(REFERENCES.replace("={IOI},", "={IOI}"))
    with pytest.raises(ValueError, match=r"references\.bib:1: I was expecting"):
        build(paper)


def test_missing_latexmk_says_what_to_install(
    paper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="install TeX Live with latexmk"):
        build(paper)


def test_a_clean_log_has_no_problems() -> None:
    assert problems("This is pdfTeX\nLaTeX Font Info: ok\n(./a.tex) [1]") == []
