"""Snakemake finds the plugin and prints through it, in a terminal and elsewhere."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

SNAKEFILE = """
TOUCH = os.environ["TOUCH"]

rule all:
    input: "ioi.txt", "induction.txt"

rule patch_heads:
    output: "{task}.txt"
    log: "logs/patch_heads/{task}.log"
    shell:
        "sleep 1; echo why {wildcards.task} failed > {log};"
        " [ {wildcards.task} != $FAILS ] && touch {output}"

rule verify:
    output: "claims.txt"
    shell: "echo past the log; touch {output}"

# Snakemake starts itself again for it.
rule typeset_chapter:
    output: "chapter.txt"
    shadow: "minimal"
    shell: "echo in the shadow; {TOUCH} {output}"

onsuccess:
    logger.info("what was found")
"""
COMMAND = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "progress"]
COMMAND += ["--show-failed-logs", "--printshellcmds"]


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a workflow of two jobs, and two more on demand."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    monkeypatch.setenv("FAILS", "nothing")
    monkeypatch.setenv("TOUCH", "touch")
    source = Path(__file__).parents[3] / "src"
    monkeypatch.setenv("PYTHONPATH", str(source))
    return tmp_path


def printed(workflow: Path, *options: str) -> tuple[int, str]:
    """The exit code, and what is printed where there is no terminal."""
    run = subprocess.run(
        [*COMMAND, *options], cwd=workflow, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return run.returncode, run.stdout


def shown(workflow: Path, *targets: str) -> tuple[int, str, str]:
    """The exit code, all that a terminal receives, and what follows the block."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "NO_COLOR": "1"}
    run = subprocess.Popen(
        [*COMMAND, *targets], cwd=workflow, stdout=theirs, stderr=theirs,
        env=environment,
    )  # fmt: skip
    os.close(theirs)
    received = b""
    try:
        while chunk := os.read(ours, 4096):
            received += chunk
    except OSError:  # the last writer is gone
        pass
    os.close(ours)
    # The cursor is shown again when the block goes.
    *_, after = received.split(b"\x1b[?25h")
    assert b"\x1b[2K" in after
    everything, end = (
        re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", part).decode()
        for part in (received, after)
    )
    return run.wait(), everything, end


def test_elsewhere_a_job_has_a_line_when_it_starts_and_when_it_ends(
    workflow: Path,
) -> None:
    code, text = printed(workflow)
    assert code == 0
    lines = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in text.splitlines()]
    log = re.fullmatch(r"3 jobs, about .+ on 1 core; full log (\S+)", lines[0])[1]
    assert "echo why ioi failed > logs" in (workflow / log).read_text()
    for label in ("patch heads  ioi", "patch heads  induction"):
        start = lines.index(f"start  {label}")
        done = [line.startswith(f"done   {label}  (0:") for line in lines]
        assert done.index(True) > start
    assert re.search(r"2 of 3 jobs, 0:\d\d so far, about .+ to go", text)
    assert re.fullmatch(r"3 jobs in 0:\d\d; full log \S+", lines[-2])
    assert lines[-1] == "what was found"
    assert "\x1b" not in text
    assert re.match(r"Nothing to be done.*\n.*summary", printed(workflow)[1])


def test_a_failed_job_shows_its_log(workflow: Path, monkeypatch) -> None:
    monkeypatch.setenv("FAILS", "induction")
    code, text = printed(workflow, "--keep-going")
    assert code == 1
    assert "Error in rule patch_heads:" in text
    assert "Logfile logs/patch_heads/induction.log:" in text
    assert "\nwhy induction failed\n" in text
    assert "why ioi failed\n=" not in text
    assert "what was found" not in text
    assert re.search(r"stopped after 1 of 3 jobs, 0:\d\d; full log \S+$", text.strip())


def test_plans_are_as_snakemake_prints_them(workflow: Path) -> None:
    code, text = printed(workflow, "--dry-run")
    assert code == 0
    assert "rule patch_heads:" in text
    assert "Job stats:" in text
    assert "start  " not in text
    assert not [*workflow.glob("*.txt")]


def test_a_terminal_has_one_block_and_what_jobs_print_stays_above_it(
    workflow: Path,
) -> None:
    code, text, end = shown(workflow, "ioi.txt", "claims.txt", "chapter.txt")
    assert code == 0
    assert re.search(r"[0-2] of 3 jobs   0:\d\d so far   about .+ to go", text)
    assert "  patch heads  ioi" in text
    assert text.count("past the log\n") == text.count("in the shadow\n") == 1
    assert "start  " not in text
    assert re.match(r"3 jobs in 0:\d\d\nfull log \S+\nwhat was found\n", end)


def test_a_terminal_shows_why_jobs_failed(workflow: Path, monkeypatch) -> None:
    monkeypatch.setenv("FAILS", "ioi")
    monkeypatch.setenv("TOUCH", "false")
    code, text, end = shown(workflow, "ioi.txt", "chapter.txt", "--keep-going")
    assert code == 1
    assert "why ioi failed\n" in text
    assert "Error in rule typeset_chapter:" in text
    assert "   1 failed" in text
    assert "stopped after 0 of 2 jobs" in end
