"""What is asked of heads, applied to measurements as they come in."""

from collections.abc import Sequence
from dataclasses import dataclass

from head_patching.roles.classify import Importance, classify, require_measured
from head_patching.roles.criteria import Criterion
from head_patching.roles.measured import Measured, Statistics, table_of


@dataclass(frozen=True)
class Demands:
    """The criteria table, with how measurements are summed up and tested."""

    criteria: Sequence[Criterion]
    importance: Importance
    statistics: Statistics

    def heads_with(
        self, role: str, measured: Sequence[Measured]
    ) -> list[tuple[int, int]]:
        """The heads (layer, head) that meet all criteria of a role.

        Raises
        ------
        ValueError
            When the role asks for a criterion that is not among those measured.
        """
        rows = [row for row in self.criteria if row.role == role]
        if not rows:
            return []
        require_measured(rows, {each.criterion for each in measured})
        names = {row.criterion for row in rows}
        table = table_of([m for m in measured if m.criterion in names], self.statistics)
        roles, _ = classify(table, rows, self.importance)
        held = roles[roles["role"] == role]
        return list(zip(held["layer"].tolist(), held["head"].tolist(), strict=True))
