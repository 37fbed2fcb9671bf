"""Files are read without executing anything: no pickle, no eval, no code of a model."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = [
    path
    for folder in ("src", "figures", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SNAKEMAKE = [ROOT / "Snakefile", *sorted(ROOT.glob("workflow/rules/*.smk"))]

# What would execute, or could, what a file says.
CALLS = {"eval", "exec", "os.system", "torch.load", "np.load", "numpy.load"}
CALLS |= {"pd.read_pickle", "pandas.read_pickle", "yaml.load", "yaml.unsafe_load"}
MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}


def executed(source: str) -> set[str]:
    """Forbidden calls, imports and arguments in a piece of Python."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call():
                found |= {ast.unparse(node.func)} & CALLS
            case ast.Import():
                found |= {alias.name for alias in node.names} & MODULES
            case ast.ImportFrom():
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= ({node.module} & MODULES) | (names & CALLS)
            case ast.keyword(arg="trust_remote_code" | "shell" | "allow_pickle"):
                if ast.unparse(node.value) != "False":
                    found.add(node.arg)
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    source = "import pickle\ntorch.load(x)\neval('1')\nfrom_x(trust_remote_code=True)\n"
    source += "from numpy import load\nrun('x', shell=flag)"
    expected = {"pickle", "torch.load", "eval", "trust_remote_code"}
    assert executed(source) == expected | {"numpy.load", "shell"}
    assert executed("from_x(trust_remote_code=False)\nyaml.safe_load(x)") == set()


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.stem)
def test_nothing_that_is_read_is_executed(path: Path) -> None:
    assert executed(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("path", SNAKEMAKE, ids=lambda path: path.stem)
def test_nor_by_the_workflow(path: Path) -> None:
    """Snakemake's language is not quite Python: the names are enough."""
    words = "|".join(map(re.escape, CALLS | MODULES))
    assert not re.findall(rf"\b(?:{words})\b", path.read_text(encoding="utf-8"))
