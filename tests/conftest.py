"""Settings of all tests."""

from typing import Any

import pytest
from hypothesis import settings

# A machine that is busy with other work is slow, not wrong.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

# Tests of one built workflow, which some of them change for a while.
OF_THE_BUILD = "tests/workflow/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the built workflow first: of all groups they take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(OF_THE_BUILD))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In several processes (`make test`) each file's tests run in the same one.

    So a fixture that takes long is made once. Those of the build are one group.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(OF_THE_BUILD):
                return "built"
            return super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)
