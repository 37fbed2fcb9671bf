"""Settings of all tests."""

import pytest
from hypothesis import settings

# A machine that is busy with other work is slow, not wrong.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the built workflow first, and keep those of a file together.

    In several processes (`make test`) the tests of one group run in the same one: a
    fixture that takes long is made once, and the longest group starts first.
    """

    def builds(item: pytest.Item) -> bool:
        return "built" in getattr(item, "fixturenames", ())

    items.sort(key=builds, reverse=True)
    for item in items:
        group = "built" if builds(item) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
