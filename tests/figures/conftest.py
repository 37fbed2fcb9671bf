"""Synthetic result files for all figures to be drawn from."""

from pathlib import Path

import pytest

from head_patching.terms import PATCH_TYPES
from tests.reporting.synthetic import write_results


@pytest.fixture(scope="session")
def results_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic result files of every patch type."""
    return write_results(tmp_path_factory.mktemp("results"), tuple(PATCH_TYPES))
