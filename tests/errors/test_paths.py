"""No name in a config leads out of the results folder."""

from pathlib import Path

import pytest
import yaml

from head_patching.building.configuration import check_config, check_tasks
from head_patching.models.registry import short_names
from head_patching.tasks import find_task

ROOT = Path(__file__).parents[2]

NASTY = ["..", "../x", "/tmp/x", "a/../../b", "a\nb", "~/x", "$HOME", "a b", "", "."]
PLACES = ["models", "tasks", "tasks.ioi.corruption", "validation.noise"]


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("place", PLACES)
def test_no_name_leads_out_of_the_results(name: str, place: str) -> None:
    """Refused, or, for a model, a folder directly in results/."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    match place:
        case "models":
            config["models"] = [name]
        case "tasks":
            config["tasks"][name] = config["tasks"]["ioi"]
        case "tasks.ioi.corruption":
            config["tasks"]["ioi"]["corruption"] = name
        case "validation.noise":
            config["validation"]["noise"].append(name)
    try:
        check_config(config, ROOT / "workflow/schemas/config.schema.yaml")
        tasks = config["tasks"]
        check_tasks(tasks, {each: find_task(each) for each in tasks})
        folders = short_names(config["models"])
    except ValueError:
        return
    assert place == "models"
    for folder in folders:
        assert folder not in ("", ".", "..")
        assert "/" not in folder
