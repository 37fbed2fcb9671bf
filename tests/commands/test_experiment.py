"""What the commands read for tables and numbers is what these are made from."""

import inspect
from pathlib import Path

from head_patching.commands.experiment import read_experiment
from head_patching.reporting import sources


def test_every_file_is_read_from_where_the_workflow_writes_it(monkeypatch) -> None:
    wanted = set(inspect.signature(sources.read_results).parameters)
    read = {}
    monkeypatch.setattr(sources, "read_results", lambda **paths: read.update(paths))
    folders = (Path("m/ioi/flip"), Path("m/model"), Path("validation"))
    read_experiment(*folders, Path("provenance.json"))
    assert read.keys() == wanted
    assert read["effects"] == Path("m/ioi/flip/effects.csv")
    assert read["published_roles"] == Path("m/published_roles.csv")
    assert read["scores"] == Path("validation/scores.csv")
