"""A criteria table, applied to measurements before all of them are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from head_patching.patching.effects import Importance
from head_patching.roles.classify import classify, require_measured
from head_patching.roles.criteria import Criterion
from head_patching.roles.measured import Measured, table_of
from head_patching.statistics import Statistics
from head_patching.terms import Head


@dataclass(frozen=True)
class Classifier:
    """A criteria table, and how effects are tested.

    Parameters
    ----------
    criteria
        Rows of the criteria table; without any, no head has a role.
    importance
        From where on an effect counts.
    statistics
        How effects are tested; without resamples, since roles need no intervals.
    """

    criteria: Sequence[Criterion]
    importance: Importance
    statistics: Statistics

    def classify(
        self, measured: Sequence[Measured], rows: Sequence[Criterion]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Roles and verdicts by some rows of the table (see `classify`)."""
        table = table_of(measured, self.statistics)
        return classify(table, rows, self.importance)

    def heads_with(
        self, role: str, measured: Sequence[Measured]
    ) -> list[tuple[int, int]]:
        """The heads (layer, head) that meet all criteria of a role.

        Raises
        ------
        ValueError
            When the role requires a criterion that is not among those measured.
        """
        rows = [row for row in self.criteria if row.role == role]
        return self._heads(role, rows, measured)

    def candidates(
        self, role: str, measured: Sequence[Measured]
    ) -> list[tuple[int, int]]:
        """The heads (layer, head) that meet all criteria of a role but effects."""
        rows = [
            row
            for row in self.criteria
            if row.role == role and not row.comparison.startswith("effect")
        ]
        names = {row.criterion for row in rows}
        used = [each for each in measured if each.criterion in names]
        before, heads = self._asked.get(role, ([], []))
        if used and list(map(id, before)) == list(map(id, used)):
            return [*heads]
        heads = self._heads(role, rows, used)
        self._asked[role] = used, heads
        return [*heads]

    @cached_property
    def _asked(self) -> dict[str, tuple[list[Measured], list[Head]]]:
        """The last candidates of each role, and what they were found by.

        Every stage asks for the candidates of all roles, by the same measurements.
        """
        return {}

    def _heads(
        self, role: str, rows: Sequence[Criterion], measured: Sequence[Measured]
    ) -> list[tuple[int, int]]:
        """The heads that meet some of a role's rows; none without rows."""
        if not rows:
            return []
        require_measured(rows, {each.criterion for each in measured})
        names = {row.criterion for row in rows}
        roles, _ = self.classify([m for m in measured if m.criterion in names], rows)
        with_role = roles[roles["role"] == role]
        return list(
            zip(with_role["layer"].tolist(), with_role["head"].tolist(), strict=True)
        )
