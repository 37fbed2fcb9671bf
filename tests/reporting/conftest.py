"""Result files that were made up, read once."""

import pytest

from head_patching.reporting.sources import Results, read_results
from tests.reporting.synthetic import result_paths, write_results


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Synthetic results of output patching, as read from their files."""
    folder = write_results(tmp_path_factory.mktemp("results"))
    return read_results(**result_paths(folder))
