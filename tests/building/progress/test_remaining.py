"""How much is done and how much is left, worked out by hand."""

import math
from pathlib import Path

import pytest

from head_patching.building.progress.costs import Cost, Costs, read_costs
from head_patching.building.progress.remaining import TRUST, Build, Pace

# A job of `patch` keeps two cores busy for 100 s; one of `draw`, half a core for 10 s.
COSTS = Costs(
    {
        "patch": {"a": Cost(200.0, 100.0), "b": Cost(200.0, 100.0)},
        "draw": {str(n): Cost(5.0, 10.0) for n in range(4)},
    },
    whole=Cost(420.0, 210.0),
)


def build(**planned: int) -> Build:
    return Build(COSTS, planned, cores=2, began=0.0)


def test_before_the_first_job_the_recorded_speed_counts() -> None:
    # 2 x 200 + 4 x 5 core-seconds, of which two cores do two in a second.
    whole = build(patch=2, draw=4)
    assert whole.remaining(0.0) == pytest.approx(210.0)
    assert whole.share(0.0) == 0.0


def test_twice_the_cores_take_half_the_time() -> None:
    assert Build(COSTS, {"draw": 4}, 4, 0.0).remaining(0.0) == pytest.approx(5.0)


def test_a_running_job_counts_by_the_time_that_it_has_run() -> None:
    begun = build(patch=2, draw=4)
    begun.start(1, "patch", "a", "", 0.0)
    # Half of 200 is done, 100 + 200 + 4 x 5 are left.
    assert begun.work_done(50.0) == pytest.approx(100.0)
    assert begun.work_left(50.0) == pytest.approx(320.0)
    assert begun.share(50.0) == pytest.approx(100 / 420)
    # Two cores were busy all the time, as recorded.
    assert begun.remaining(50.0) == pytest.approx(160.0)


def test_a_job_that_takes_longer_than_expected_is_never_taken_for_finished() -> None:
    late = build(patch=1)
    late.start(1, "patch", "a", "", 0.0)
    assert 0.9 < late.share(1000.0) < 1.0
    # Ten times what was expected: whatever is still to come takes longer, too.
    assert late.remaining(1000.0) > 0.05 * 100


def test_the_longest_job_bounds_the_rest() -> None:
    last = build(patch=1, draw=1)
    last.start(1, "patch", "a", "", 0.0)
    last.start(2, "draw", "0", "", 0.0)
    last.finish(2, 10.0)
    # 180 of 200 core-seconds are left, which need 90 s on two cores, and no less.
    assert last.remaining(10.0) == pytest.approx(90.0, rel=0.05)


def test_on_a_machine_of_half_the_speed_the_rest_takes_twice_as_long() -> None:
    slow = build(patch=40)
    for number in range(20):
        slow.start(number, "patch", str(number), "", 200.0 * number)
        slow.finish(number, 200.0 * (number + 1))
    assert slow.remaining(4000.0) == pytest.approx(20 * 200.0, rel=0.1)


def test_a_rule_that_is_faster_here_does_not_make_others_faster() -> None:
    # Of another model: patching takes a tenth, figures as long as ever.
    other = build(patch=20, draw=20)
    now = 0.0
    for number in range(10):
        for rule, took in (("patch", 10.0), ("draw", 10.0)):
            other.start(number, rule, f"{number}", "", now)
            now += took
            other.finish(number, now)
    # Ten more of both, one after the other.
    assert other.remaining(now) == pytest.approx(200.0, rel=0.2)


def test_a_job_that_is_started_again_is_counted_once() -> None:
    again = build(draw=2)
    again.start(1, "draw", "0", "", 0.0)
    again.running.pop(1)
    again.start(1, "draw", "0", "", 5.0)
    assert again.work_left(5.0) == pytest.approx(10.0)


def test_a_job_that_ended_before_it_began_is_only_counted() -> None:
    odd = build(draw=2)
    assert odd.finish(7, 1.0) is None
    assert odd.n_finished == 1


def test_pace_forgets_what_was_long_ago() -> None:
    pace = Pace(memory=100.0)
    for _ in range(20):
        pace.add(200.0, 100.0)
    for _ in range(20):
        pace.add(100.0, 100.0)
    assert pace.ratio == pytest.approx(1.0, abs=0.01)


def test_one_short_job_hardly_changes_the_pace() -> None:
    pace = Pace(memory=math.inf)
    pace.add(3.0, 1.0)
    assert pace.ratio == pytest.approx((TRUST + 3) / (TRUST + 1))


def test_jobs_that_were_not_recorded_cost_what_others_of_their_rule_do() -> None:
    costs = Costs({"patch": {"a": Cost(10.0, 5.0), "b": Cost(30.0, 15.0)}})
    assert costs.of_job("patch", "c") == Cost(20.0, 10.0)
    # One of the two has begun: what is left is the other.
    assert costs.of_others("patch", 1, {"a"}) == 30.0
    # More jobs than were recorded.
    assert costs.of_others("patch", 2, {"a", "b"}) == 40.0


def test_rules_that_were_not_recorded_cost_the_median() -> None:
    costs = Costs(
        {
            "a": {"": Cost(1.0, 1.0)},
            "b": {"": Cost(4.0, 2.0)},
            "c": {"": Cost(9.0, 3.0)},
        }
    )
    assert costs.of_job("d", "x") == Cost(4.0, 2.0)
    assert costs.of_others("d", 3, set()) == 12.0


@pytest.mark.parametrize("content", [None, "", "rule,job\nx,y\n", "\0"])
def test_without_recorded_costs_there_is_still_an_estimate(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "build.csv"
    if content is not None:
        path.write_text(content)
    costs = read_costs(path)
    assert Build(costs, {"x": 3}, 2, 0.0).remaining(0.0) > 0


def test_the_committed_costs_are_of_rules_that_exist_and_of_the_whole_build() -> None:
    costs = read_costs()
    assert costs.busy > 0.5
    assert {"patch_heads", "validate_roles", "typeset_chapter"} <= set(costs.jobs)
