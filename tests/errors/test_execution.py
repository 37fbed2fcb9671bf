"""Files are read without executing anything: no pickle, no eval, no code of a model."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("figures/*.py")]
SOURCES += ROOT.glob("workflow/rules/*.smk")

# What would execute, or could, what a file says.
FORBIDDEN = {"eval", "exec", "torch.load", "yaml.load", "np.load", "numpy.load"}
FORBIDDEN |= {"pd.read_pickle", "pandas.read_pickle", "yaml.unsafe_load", "os.system"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}


def executed(source: str) -> set[str]:
    """Forbidden calls and imports in a piece of Python."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN:
            found.add(ast.unparse(node.func))
        names = [alias.name for alias in getattr(node, "names", []) if node]
        if isinstance(node, ast.Import):
            found |= {*names} & FORBIDDEN_MODULES
        if isinstance(node, ast.ImportFrom):
            found |= {node.module} & FORBIDDEN_MODULES
        trusts = isinstance(node, ast.keyword) and node.arg == "trust_remote_code"
        if trusts and ast.unparse(node.value) != "False":
            found.add("trust_remote_code")
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    source = "import pickle\ntorch.load(x)\neval('1')\nfrom_x(trust_remote_code=True)"
    expected = {"pickle", "torch.load", "eval", "trust_remote_code"}
    assert executed(source) == expected


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_that_is_read_is_executed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        assert executed(text) == set()
    else:  # Snakemake's language is not quite Python
        assert not [name for name in FORBIDDEN if f" {name}(" in text]
