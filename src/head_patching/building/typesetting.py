"""A LaTeX file to a PDF, reproducible byte for byte; errors are one line.

latexmk succeeds with undefined references, and its log hides errors in a thousand
lines. Here both stop the build, and the relevant lines are printed.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

LATEXMK = (
    "latexmk",
    "-norc",
    "-pdf",
    "-interaction=nonstopmode",
    "-halt-on-error",
    "-file-line-error",
)

# With these two set, pdfTeX takes every date from SOURCE_DATE_EPOCH. The wide lines
# keep file names and messages in the log whole.
ENVIRONMENT = {
    "FORCE_SOURCE_DATE": "1",
    "max_print_line": "2000",
    "error_line": "254",
    "half_error_line": "238",
}

ERROR = re.compile(r"^(?:\./)?([^\s:]+:\d+: .+)$")
OTHER_ERROR = re.compile(r"^! (.+)$")
UNDEFINED = re.compile(
    r"^(?:LaTeX|Package natbib) Warning: "
    r"((?:Reference|Citation|Hyper reference|Label) .+?"
    r"(?:undefined|multiply defined).*?)\.?$"
)
BIBTEX_ERROR = re.compile(r"^(.+)---line (\d+) of file (.+)$")


def typeset(
    main: Path | str,
    out: Path | str,
    *,
    epoch: int,
    search: list[Path] | None = None,
) -> None:
    """Typeset `main` into the PDF `out`.

    Parameters
    ----------
    epoch
        The date of the PDF, in seconds since 1970.
    search
        Folders in which LaTeX and BibTeX look for what is included, besides the
        working directory.

    Raises
    ------
    FileNotFoundError
        When latexmk or `main` is missing.
    ValueError
        With LaTeX's error, or with every undefined or repeated reference.
    """
    main, out = Path(main), Path(out)
    if shutil.which(LATEXMK[0]) is None:
        raise FileNotFoundError(
            "latexmk is not installed: install TeX Live with latexmk (on Debian as "
            "root, `make` does so)"
        )
    if not main.is_file():
        raise FileNotFoundError(f"{main}: no such LaTeX file")
    folders = "".join(f"{folder}:" for folder in (Path(), *(search or [])))
    paths = dict.fromkeys(("TEXINPUTS", "BIBINPUTS", "BSTINPUTS"), folders)
    environment = ENVIRONMENT | paths | {"SOURCE_DATE_EPOCH": str(epoch)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".typeset-") as folder:
        # Relative, for TeX refuses to write to hidden absolute paths by default.
        built = Path(os.path.relpath(folder))
        faults = run_latexmk(main, built, environment)
        if faults:
            raise ValueError(f"{main} was not typeset: " + "; ".join(faults))
        os.replace(built / f"{main.stem}.pdf", out)


def run_latexmk(main: Path, built: Path, environment: dict[str, str]) -> list[str]:
    """Typeset into a folder; returns the errors."""
    run = subprocess.run(
        [*LATEXMK, f"-output-directory={built}", str(main)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        errors="replace",
    )
    log = built / f"{main.stem}.log"
    text = log.read_text(errors="replace") if log.is_file() else ""
    bibtex = built / f"{main.stem}.blg"
    report = bibtex.read_text(errors="replace") if bibtex.is_file() else ""
    faults = bibtex_problems(report) + problems(text)
    if run.returncode and not faults:
        return [_last_line(run.stdout + run.stderr)]
    return faults


def problems(log: str) -> list[str]:
    """The first error in LaTeX's log, or else the undefined and repeated references.

    Examples
    --------
    >>> problems("./a.tex:7: Undefined control sequence.\\nl.7 see \\\\reff")
    ['a.tex:7: Undefined control sequence. (see \\\\reff)']
    >>> problems("LaTeX Warning: Reference `fig' on page 1 undefined on input line 3.")
    ["Reference `fig' on page 1 undefined on input line 3"]
    """
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if match := ERROR.match(line) or OTHER_ERROR.match(line):
            where = next(
                (
                    re.sub(r"^l\.\d+ ", "", later).strip()
                    for later in lines[number + 1 :]
                    if re.match(r"l\.\d+ ", later)
                ),
                "",
            )
            return [f"{match[1]} ({where})" if where else match[1]]
    found = [match[1] for line in lines if (match := UNDEFINED.match(line))]
    return list(dict.fromkeys(found))


def bibtex_problems(report: str) -> list[str]:
    """The errors in BibTeX's log.

    Examples
    --------
    >>> bibtex_problems("I was expecting a `,'---line 3 of file references.bib")
    ["references.bib:3: I was expecting a `,'"]
    """
    found = map(BIBTEX_ERROR.match, report.splitlines())
    return [f"{match[3]}:{match[2]}: {match[1]}" for match in found if match]


def _last_line(text: str) -> str:
    """The last line of a program's output."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "latexmk failed without a message"
