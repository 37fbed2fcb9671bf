"""Made-up result files for all figures to be drawn from."""

from pathlib import Path

import pytest

from tests.reporting.synthetic import write_results


@pytest.fixture(scope="session")
def results_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic result files of every patch type."""
    return write_results(
        tmp_path_factory.mktemp("results"), ("output", "q", "k", "v", "pattern")
    )
