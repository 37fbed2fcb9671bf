"""A fault is seen by an assertion alone, and reported with what failed."""

import subprocess
from pathlib import Path

import pytest

from .run import MUTANTS, ROOT, outcome_of, read_mutant

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-1\n+2\n"
REPORT = """<testsuites><testsuite><testcase classname="tests.a" name="test_x">
<{kind} message="{message}">text</{kind}></testcase></testsuite></testsuites>"""


def test_a_patch_says_what_is_wrong_and_what_sees_it(tmp_path: Path) -> None:
    patch = tmp_path / "other-sign.patch"
    patch.write_text(f"Fault: the sign\nTests: tests/a.py tests/b.py::test_x\n\n{DIFF}")
    mutant = read_mutant(patch)
    assert (mutant.name, mutant.fault) == ("other-sign", "the sign")
    assert mutant.tests == ("tests/a.py", "tests/b.py::test_x")
    patch.write_text(f"Fault: the sign\n{DIFF}")
    with pytest.raises(ValueError, match=r"other-sign\.patch has no line `Tests"):
        read_mutant(patch)


def test_each_fault_is_one_of_the_present_code() -> None:
    patches = sorted(MUTANTS.glob("*.patch"))
    assert len(patches) >= 20
    for patch in patches:
        for test in read_mutant(patch).tests:
            assert (ROOT / test.partition("::")[0]).exists(), f"{patch.name}: {test}"
        check = ["git", "apply", "--check", str(patch)]
        run = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 0, f"{patch.name} is to be written again: {run.stderr}"


@pytest.mark.parametrize(
    ("kind", "message", "seen"),
    [
        ("failure", "assert 1 == 2", True),
        ("failure", "AssertionError: L0H1", True),
        ("failure", "Failed: DID NOT RAISE", True),
        ("failure", "ImportError: no name", False),
        ("error", "assert 1 == 2", False),  # of a fixture
    ],
)
def test_an_assertion_counts(kind, message, seen, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(REPORT.format(kind=kind, message=message))
    outcome = outcome_of(report, "")
    assert (outcome.seen, outcome.test) == (seen, "tests.a::test_x")
    assert outcome.message == message


def test_what_nothing_sees_is_reported(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text('<testsuite><testcase classname="a" name="b"/></testsuite>')
    assert outcome_of(report, "").message == "no test fails"
    assert outcome_of(tmp_path / "absent.xml", "broken").message == "broken"
