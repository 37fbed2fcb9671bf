"""Synthetic results, read once."""

import pytest

from tests.reporting.given import GivenTables, read_folder
from tests.reporting.synthetic import write_results


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> GivenTables:
    """Synthetic results of output patching, as read from their files."""
    return read_folder(write_results(tmp_path_factory.mktemp("results")))
