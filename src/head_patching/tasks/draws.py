"""Parts of the draws of every task: whole numbers, and groups that take turns."""

from collections.abc import Sequence


def check_whole(name: str, value: object, least: int) -> None:
    """Raises ValueError unless the value is a whole number that is large enough."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}: allowed: whole numbers from {least}")


def turns(n_draws: int, n_groups: int) -> list[int]:
    """How often each group is drawn from when the groups take turns.

    Examples
    --------
    >>> turns(7, 3)
    [3, 2, 2]
    """
    return [len(range(group, n_draws, n_groups)) for group in range(n_groups)]


def most_in_turns(capacities: Sequence[int]) -> int:
    """How many draws are possible until an exhausted group has its turn.

    Examples
    --------
    >>> most_in_turns([9, 2, 3])
    7
    """
    n_groups = len(capacities)
    return min(group + n_groups * most for group, most in enumerate(capacities))
