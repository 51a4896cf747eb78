"""What the fill handle writes."""

from __future__ import annotations

import pytest

from hpf_desktop.ui.sheet.columns import Column
from hpf_desktop.ui.sheet.fill import continued
from server.business.account_opening import ACCOUNT_OPENING


def column(key: str) -> Column:
    return Column(ACCOUNT_OPENING.field(key))


@pytest.mark.parametrize(
    ("key", "source", "is_back", "written"),
    [
        ("month", ["2026-11"], False, ["2026-12", "2027-01", "2027-02"]),
        ("month", ["2026-01", "2026-04"], False, ["2026-07", "2026-10", "2027-01"]),
        ("month", ["2026-07", "2026-07"], False, ["2026-07"] * 3),
        ("month", ["2026-01"], True, ["2025-10", "2025-11", "2025-12"]),
        ("month", ["2026-01", "2026-02", "2026-05"], False, ["2026-01", "2026-02", "2026-05"]),
        ("month", ["2999-12"], False, ["2999-12"] * 3),
        ("month", ["下月"], False, ["下月"] * 3),
        ("born", ["1990-02-27"], False, ["1990-02-28", "1990-03-01", "1990-03-02"]),
        ("base", ["1.00", "2.00"], False, ["1.00", "2.00", "1.00"]),
        ("base", ["1.00", "2.00"], True, ["2.00", "1.00", "2.00"]),
        ("name", ["张三"], False, ["张三"] * 3),
    ],
)
def test_months_and_days_count_on_and_all_else_repeats(
    key: str, source: list[str], is_back: bool, written: list[str]
) -> None:
    assert continued(column(key), source, 3, is_back) == written


def test_nothing_follows_from_nothing() -> None:
    assert continued(column("name"), [], 3) == []
    assert continued(column("name"), ["张三"], 0) == []
