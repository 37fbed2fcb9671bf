"""Functions are found by their decorator, in modules that are not imported."""

import pytest

from head_patching.reporting.discovery import latex_table, marked, numbers, tables_read

MODULE = """
raise ImportError("this module must not be imported to be searched")

@numbers
def shared_numbers(scores, roles_by_task, most=3): ...

@latex_table
def heads_table(effects, *, evidence, top: int = 3): ...

@numbers
def name_numbers(task, provenance): ...

def not_marked(effects): ...
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a module of three marked functions."""
    (tmp_path / "topic.py").write_text(MODULE)
    return tmp_path


def test_functions_are_found_with_the_parameters_that_are_required(folder):
    shared, of_name = marked(numbers, folder)
    assert (shared.module, shared.name) == ("topic", "shared_numbers")
    assert shared.parameters == ("scores", "roles_by_task")
    (table,) = marked(latex_table, folder)
    assert table.parameters == ("effects", "evidence")
    assert table.file == "heads"
    assert (shared.of_task, of_name.of_task, table.of_task) == (False, True, True)


def test_the_tables_that_functions_read(folder):
    assert tables_read(marked(numbers, folder)) == [
        "provenance",
        "roles_by_task",
        "scores",
    ]


def test_the_functions_of_the_package_exist():
    for decorator in (numbers, latex_table):
        for found in marked(decorator):
            assert found.function.__qualname__ == found.name
            assert found.where == f"{found.function.__module__}.{found.name}"
