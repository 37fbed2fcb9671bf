"""Settings of all tests."""

import pytest
from hypothesis import settings

# A machine that is busy with other work is slow, not wrong.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

# Session fixtures that take minutes (tests/workflow/conftest.py).
BUILDS = ("smollm2", "built")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In several processes (`make test`), what shares a fixture runs in the same one.

    Tests that share a build are one group and come first, for they take longest; of
    all others each file is one.
    """
    groups = {item: group_of(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: groups[item] not in BUILDS)


def group_of(item: pytest.Item) -> str:
    """The build that the test asks for, or its file."""
    file = item.nodeid.split("::")[0]
    if not file.startswith("tests/workflow/"):
        return file
    given = item.callspec.params if hasattr(item, "callspec") else {}
    asked = (*getattr(item, "fixturenames", ()), given.get("chapter"))
    return next((build for build in BUILDS if build in asked), file)
