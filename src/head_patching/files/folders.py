"""Where the tables of a chapter are: the folder of each follows from its scope."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from head_patching.files.register import BY_TASK, TABLES, table_of
from head_patching.files.table import Scope


@dataclass(frozen=True)
class Folders:
    """Where the results of a chapter are.

    Parameters
    ----------
    build
        The folder of all results.
    model
        That of the chapter's model.
    experiments
        That of each task's experiment, by the task's name.
    """

    build: Path
    model: Path
    experiments: Mapping[str, Path]

    def path(self, table: str, task: str = "") -> Path:
        """Where a table is; of the given task where each task has its own.

        Examples
        --------
        >>> folders = Folders(Path("r"), Path("r/m"), {"ioi": Path("r/m/ioi/abc")})
        >>> folders.path("roles", "ioi").as_posix(), folders.path("models").as_posix()
        ('r/m/ioi/abc/roles.csv', 'r/m/models.csv')
        """
        registered = TABLES[table]
        match registered.scope:
            case Scope.EXPERIMENT:
                folder = self.experiments[task]
            case Scope.VALIDATION:
                folder = self.build / "validation"
            case Scope.BUILD:
                folder = self.build
            case _:
                folder = self.model
        return folder / registered.file

    def paths(self, parameters: Iterable[str], task: str = "") -> dict[str, list[Path]]:
        """The files of each parameter that is a table: one, or one of each task."""
        return {
            name: [self.path(registered.name, each) for each in self.tasks(name, task)]
            for name in parameters
            if (registered := table_of(name))
        }

    def tasks(self, parameter: str, task: str) -> list[str]:
        """The tasks whose table a parameter is given."""
        return [*self.experiments] if parameter.endswith(BY_TASK) else [task]
