"""The form that LaTeX tables share."""

from head_patching.reporting.tabular import breakable, number_column


def test_number_columns_fit_the_largest_number():
    assert number_column([0.2, -12.3, float("nan")], 2, False) == (
        "S[table-format=2.2]"
    )
    assert "table-format=+1.3" in number_column([0.2], 3, True)


def test_checksums_may_be_broken():
    assert breakable("abcdef", every=4) == r"\texttt{abcd\allowbreak ef}"
