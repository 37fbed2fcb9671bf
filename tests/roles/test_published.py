"""The published table, counted."""

from head_patching.roles.published import (
    DISCREPANCIES,
    ROLES,
    published_induction_heads,
    published_roles,
)


def test_twenty_six_heads_in_seven_roles():
    table = published_roles("gpt2-small")
    assert table.groupby("role").size().to_dict() == {
        "name mover": 3,
        "negative name mover": 2,
        "S-inhibition": 4,
        "duplicate token": 3,
        "induction": 4,
        "previous token": 2,
        "backup name mover": 8,
    }
    assert not table.duplicated(["layer", "head"]).any()
    assert table["layer"].between(0, 11).all()
    assert table["head"].between(0, 11).all()


def test_other_models_have_no_published_roles():
    table = published_roles("smollm2-135m")
    assert table.empty
    assert list(table) == list(published_roles("gpt2-small"))


def test_paper_and_code_differ_where_stated():
    assert len({entry.topic for entry in DISCREPANCIES}) == len(DISCREPANCIES)
    for entry in DISCREPANCIES:
        assert entry.paper != entry.code
    assert (10, 7) in ROLES["negative name mover"]


def test_two_of_the_reported_induction_heads_are_in_both_lists():
    table = published_induction_heads("gpt2-small")
    heads = set(zip(table["layer"], table["head"], strict=True))
    assert len(heads) == 5
    assert heads & set(ROLES["induction"]) == {(5, 5), (6, 9)}
    assert published_induction_heads("smollm2-135m").empty
