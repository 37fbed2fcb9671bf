"""A task's description is checked when it is made."""

import pytest

from head_patching.tasks import Signal, Step, Task, Tracing, find_task, tasks
from head_patching.tasks.ioi import ioi_pairs


def task(**changes):
    """A small task, with changes."""
    given = {
        "name": "toy",
        "build": ioi_pairs,
        "corruptions": ("other",),
        "position_names": ("A", "END"),
        "tracing": Tracing("other"),
    }
    return Task(**given | changes)


def test_a_task_may_ask_for_very_little():
    assert task().attention == {}
    assert task().tracing.corruptions == ("other",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tracing": Tracing("none")}, "traced with corruption 'none', which it does"),
        (
            {"tracing": Tracing("other", (Step("path.x", "mover", "q", "B"),))},
            "at position 'B', which it does not name: A, END",
        ),
        (
            {
                "tracing": Tracing(
                    "other", signals=(Signal("signal.x", "gone", "mover", "path.x"),)
                )
            },
            "traced with corruption 'gone'",
        ),
        ({"copied": ("C",)}, "at position 'C'"),
        ({"attention": {"attention.END.D": ("END", ("D",))}}, "at position 'D'"),
    ],
)
def test_what_it_measures_it_must_have(changes, message):
    with pytest.raises(ValueError, match=message) as error:
        task(**changes)
    assert "\n" not in str(error.value)


def test_every_file_that_defines_a_task_is_found():
    assert set(tasks()) == {"induction", "ioi"}
    for name, found in tasks().items():
        assert find_task(name) is found
        # The workflow looks for a task's file by its name.
        assert found.build.__module__ == f"head_patching.tasks.{name}"
        assert found.position_names[-1] == "END"
