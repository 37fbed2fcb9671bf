"""What the check of the config lets pass and what it says of the rest."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from head_patching.building.configuration import check_config, check_tasks
from head_patching.tasks import find_task

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def faults(config: dict[str, Any]) -> list[str]:
    """The lines that the check says."""
    try:
        check_config(config, SCHEMA)
    except ValueError as error:
        return str(error).splitlines()
    return []


def changed(place: str, value: Any) -> dict[str, Any]:
    """The config with one value changed."""
    config = deepcopy(CONFIG)
    *path, key = place.split(".")
    inner = config
    for part in path:
        inner = inner[part]
    inner[key] = value
    return config


def test_the_config_is_valid() -> None:
    check_config(CONFIG, SCHEMA)


def overridden(name: str) -> dict[str, Any]:
    """The config with a second file on top of it, which names only what there is."""
    part = yaml.safe_load((ROOT / "config" / name).read_text())

    def override(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
        assert set(part) <= set(whole)
        return whole | {
            key: override(whole[key], value) if isinstance(value, dict) else value
            for key, value in part.items()
        }

    return override(CONFIG, part)


def test_quick_config_only_overrides_what_there_is() -> None:
    check_config(overridden("quick.yaml"), SCHEMA)


def test_the_config_of_a_thesis_takes_all_heads_apart() -> None:
    config = overridden("full.yaml")
    check_config(config, SCHEMA)
    assert config["chosen_heads"]["share_of_threshold"] == 0
    assert config["patch_types"] == CONFIG["patch_types"]


def test_every_key_has_a_comment_above() -> None:
    lines = (ROOT / "config/config.yaml").read_text().splitlines()
    tops = [n for n, line in enumerate(lines) if line[:1].isalpha()]
    assert all(lines[n - 1].startswith("#") for n in tops)


def check_whole(config: dict[str, Any]) -> None:
    """What the workflow does with a config before anything else."""
    check_config(config, SCHEMA)
    check_tasks(config["tasks"], {name: find_task(name) for name in config["tasks"]})


def test_the_project_s_tasks_pass() -> None:
    check_whole(CONFIG)


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("modles", ["x"], "unknown key modles, allowed here: models,.* mean models?"),
        ("tasks.ioi.n_pair", 3, "unknown key tasks.ioi.n_pair,.* mean n_pairs?"),
        ("tasks.oii", {}, "tasks.oii.corruption is missing"),
        ("tasks.ioi.n_pairs", 0, "tasks.ioi.n_pairs is 0, but must be at least 2"),
        ("tasks.ioi.n_pairs", True, "tasks.ioi.n_pairs is true, but must be a number"),
        ("tasks.ioi.seed", -1, "tasks.ioi.seed is -1, but must be at least 0"),
        ("tasks.ioi.prepend_bos", "yes", "one of auto, true, false"),
        ("shards", 0, "shards is 0, but must be at least 1"),
        ("patch_types", ["ouput"], "patch_types.0 is ouput,.* mean output?"),
        ("directions", [], "directions is .., but must be a list of at least 2"),
        ("directions", ["noising"], "directions is .*, but must be a list of at least"),
        ("patch_types", ["q"], "patch_types is .*, but must be a list with output in"),
        ("tasks.ioi.n_pairs", 64.0, "n_pairs is 64.0, but must be written 64"),
        ("directions", ["noising", "noising"], "a list without repetitions"),
        ("models", ["a model"], "made of letters, digits"),
        ("models", "smollm2-135m", "models is smollm2-135m, but must be a list"),
        ("validation.seeds", [1], "is .1., but must be a text or a number of type"),
        ("statistics", None, "statistics is null, but must be a mapping"),
        ("statistics.level", 1, "statistics.level is 1, but must be less than 1"),
        ("self_check.tolerance", "1e-4", "YAML reads 1e-4 as a text"),
        ("importance.threshold", float("nan"), "must be a finite number"),
        ("threads", float("inf"), "threads is inf, but must be a finite number"),
    ],
)
def test_a_wrong_value_is_one_line(place: str, value: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line.replace("?", r"\?")) as caught:
        check_config(changed(place, value), SCHEMA)
    message = str(caught.value)
    assert all(part.startswith("config: ") for part in message.splitlines())


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("tasks.ioi.corruption", "s2_io", "is s2_io, but .* mean s2_io_flip?"),
        ("tasks.induction.corruption", "abc", "corruption is abc, .* b1_replaced, "),
        ("tasks.ioi.positions", ["S9"], "positions is S9, but must be one of IO"),
        ("tasks.oii", CONFIG["tasks"]["ioi"], "unknown task 'oii': did you mean 'ioi'"),
    ],
)
def test_what_a_task_does_not_have_is_one_line(
    place: str, value: Any, line: str
) -> None:
    with pytest.raises(ValueError, match=line.replace("?", r"\?")) as caught:
        check_whole(changed(place, value))
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named() -> None:
    config = deepcopy(CONFIG)
    del config["tasks"]["ioi"]["seed"]
    with pytest.raises(ValueError, match=r"^config: tasks\.ioi\.seed is missing$"):
        check_config(config, SCHEMA)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@example("tasks", {"two\nlines": None})
@example("tasks", {"\r": float("nan")})
@given(
    st.sampled_from([*CONFIG, "other", "tasks.ioi.seed", "self_check.heads"]),
    json_values,
)
def test_no_value_gives_anything_but_lines(place: str, value: Any) -> None:
    assert all(line.startswith("config: ") for line in faults(changed(place, value)))
