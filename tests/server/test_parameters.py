"""Parameters: the latest word on or before a day counts, and no day already gone ever changes."""

from __future__ import annotations

import ast
import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import parameters, units
from server.books.close import close_day
from server.business.amounts import Rounding
from server.business.parameters import ALWAYS, BY_KEY, PARAMETERS, InterestMethod
from server.business.refusals import Refused
from server.db import Connection
from server.parameters import Timeline, in_force, set_parameter
from tests.factory import DAY

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
COUNTY, OTHER = "532301", "532325"
TOMORROW = DAY + datetime.timedelta(days=1)
days = st.integers(0, 40).map(lambda n: DAY + datetime.timedelta(days=n))
texts = st.sampled_from(["100.00", "200.00", "300.00"])
recorded = st.dictionaries(
    st.tuples(
        st.just("payment_limit_fen") | st.just("base_upper_fen"), st.sampled_from(["", COUNTY])
    ),
    st.dictionaries(days, texts, min_size=1),
)


@pytest.fixture
async def centre(conn: Connection) -> Connection:
    """Opened twenty days ago, with a unit since then."""
    first = DAY - datetime.timedelta(days=20)
    await units.open_centre(conn, "楚雄州住房公积金管理中心", first)
    opening = units.Opening(
        "测试单位", "91532300MA6NTEQT85", COUNTY, 5301, units.Month.of(2026, 5), 1200, 1200
    )
    await units.open_unit(conn, opening)
    await close_day(conn, DAY)
    return conn


async def refusal(conn: Connection, *setting: object) -> str:
    key, value, day, *scope = setting
    with pytest.raises(Refused) as fault:
        await set_parameter(conn, key, value, day, "王主任", *scope)  # type: ignore[arg-type]
    return fault.value.reason.code


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.key)
def test_default_reads_back_as_recorded_and_as_shown(parameter: parameters.Parameter) -> None:
    for value in parameter.defaults.values():
        assert parameter.parse(parameter.text(value)) == value
        assert parameter.parse(parameter.kind.show(value)) == value


def test_parameter_that_nothing_reads_says_what_it_awaits() -> None:
    """And one that something reads does not."""
    described = ROOT / "server/business/parameters.py"
    named = {
        node.value
        for path in (ROOT / "server").rglob("*.py")
        if path != described
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {p.key for p in PARAMETERS if not p.awaits} == named & BY_KEY.keys()


@pytest.mark.parametrize(
    ("day", "current", "prior"),
    [
        ((2011, 7, 7), 500, 3100), ((2012, 6, 7), 500, 3100), ((2012, 6, 8), 400, 2850),
        ((2015, 6, 30), 350, 1600), ((2016, 2, 20), 350, 1100), ((2016, 2, 21), 1500, 1500),
        ((2026, 6, 30), 1500, 1500),
    ],
)  # fmt: skip
def test_rates_are_those_of_their_day(day: tuple[int, int, int], current: int, prior: int) -> None:
    values = Timeline({}).on(datetime.date(*day))
    assert (values["deposit_rate_current"], values["deposit_rate_prior"]) == (current, prior)


@given(recorded, days, st.sampled_from(["", COUNTY, OTHER]))
def test_latest_on_or_before_the_day_counts_and_a_countys_own_goes_first(
    texts: dict[tuple[str, str], dict[datetime.date, str]], day: datetime.date, scope: str
) -> None:
    known = Timeline(texts)
    for key in ("payment_limit_fen", "base_upper_fen"):
        expected = BY_KEY[key].defaults[ALWAYS]
        for place in ("", scope):
            for since, text in sorted(texts.get((key, place), {}).items()):
                if since <= day:
                    expected = BY_KEY[key].parse(text)
        assert known.step(key, day, scope).value == expected
        assert known.on(day, scope)[key] == expected


@given(recorded, st.tuples(st.sampled_from(["", COUNTY]), days), days, days)
def test_what_may_be_set_never_changes_a_day_that_is_gone(
    texts: dict[tuple[str, str], dict[datetime.date, str]],
    setting: tuple[str, datetime.date],
    opened: datetime.date,
    today: datetime.date,
) -> None:
    """And what may not be would have been able to."""
    opened, today = sorted((opened, today))
    scope, day = setting
    before, key = Timeline(texts), "base_upper_fen"
    gone = [opened + datetime.timedelta(days=n) for n in range((today - opened).days)]
    is_refused = parameters._changes_the_past(before, BY_KEY[key], scope, day, today, opened)
    after = before.with_text(key, scope, day, "999.00")
    changed = [d for d in gone if before.on(d, COUNTY)[key] != after.on(d, COUNTY)[key]]
    if not is_refused:
        assert changed == []
    elif scope or (key, COUNTY) not in texts:
        assert changed


async def test_values_are_typed_and_recorded_ones_replace_defaults(centre: Connection) -> None:
    before = await in_force(centre, DAY)
    assert before["rounding"] is Rounding.EACH_YUAN
    assert before["interest.method"] is InterestMethod.DAILY_360
    assert before["remit_mixed"] is False
    assert before["seal_reasons"]["02"] == "调出待转移"
    await set_parameter(centre, "rounding", "单位、个人各自四舍五入到分", TOMORROW, "王主任")
    await set_parameter(centre, "base_upper_fen", "26,023", TOMORROW, "王主任", COUNTY)
    assert await in_force(centre, DAY) == before
    after = await in_force(centre, TOMORROW, COUNTY)
    assert after["rounding"] is Rounding.EACH_FEN
    assert after["base_upper_fen"] == 26023_00
    assert (await in_force(centre, TOMORROW, OTHER))["base_upper_fen"] == 25737_00


async def test_of_two_settings_for_one_day_the_later_counts_and_both_are_kept(
    centre: Connection,
) -> None:
    for text in ("10%", "11%"):
        await set_parameter(centre, "ratio_max", text, TOMORROW, "王主任")
    assert (await in_force(centre, TOMORROW))["ratio_max"] == 1100
    kept = [s for s in await parameters.history(centre, "ratio_max") if s.set_by]
    assert [(s.shown, s.set_by, s.since) for s in kept] == [
        ("10%", "王主任", TOMORROW), ("11%", "王主任", TOMORROW),
    ]  # fmt: skip


async def test_only_days_not_computed_yet_can_be_set(centre: Connection) -> None:
    yesterday, opened = DAY - datetime.timedelta(days=1), DAY - datetime.timedelta(days=20)
    assert await refusal(centre, "ratio_max", "11%", yesterday) == "M02"
    assert await refusal(centre, "ratio_max", "11%", opened) == "M02"
    # It would hold until a day that has been computed with 12 %.
    assert await refusal(centre, "ratio_max", "11%", datetime.date(2020, 1, 1)) == "M02"
    # These hold until the next rate of the history, years before the centre's first unit.
    await set_parameter(centre, "deposit_rate_prior", "3.33%", datetime.date(2010, 1, 1), "王主任")
    await set_parameter(centre, "ratio_max", "11%", DAY, "王主任")
    assert (await in_force(centre, yesterday))["ratio_max"] == 1200
    assert (await in_force(centre, DAY))["ratio_max"] == 1100


async def test_before_the_first_unit_everything_can_be_set(conn: Connection) -> None:
    await units.open_centre(conn, "楚雄州住房公积金管理中心", DAY)
    await set_parameter(conn, "ratio_max", "11%", datetime.date(2020, 1, 1), "王主任")
    assert (await in_force(conn, datetime.date(2020, 1, 1)))["ratio_max"] == 1100


async def test_limits_cannot_cross_on_any_day_in_any_county(centre: Connection) -> None:
    later = TOMORROW + datetime.timedelta(days=30)
    await set_parameter(centre, "base_upper_fen", "3000", later, "王主任", COUNTY)
    assert await refusal(centre, "base_lower_fen", "3000.01", TOMORROW) == "M04"
    assert await refusal(centre, "ratio_min", "13%", TOMORROW) == "M04"
    await set_parameter(centre, "base_lower_fen", "3000", TOMORROW, "王主任")
    assert (await in_force(centre, later, COUNTY))["base_lower_fen"] == 3000_00


@pytest.mark.parametrize(
    ("key", "value", "scope", "code"),
    [
        ("rate_of_luck", "1", "", "M01"),
        ("rounding", "BANKERS", "", "V05"),
        ("remit_ahead_months", "13", "", "M03"),
        ("base_lower_fen", "-1", "", "M03"),
        ("base_lower_fen", "二千", "", "V02"),
        ("deposit_rate_current", "1.5001%", "", "V10"),
        ("holidays_extra", "2027-02-30", "", "V04"),
        ("seal_reasons", "；", "", "M06"),
        ("seal_reasons", "01 退休；01 死亡", "", "M06"),
        ("seal_reasons", "01 退休；02 退休", "", "M06"),
        ("seal_reasons", "甲 某某", "", "M06"),
        ("remit_mixed", "或许", "", "V05"),
        ("rounding", "EACH_FEN", COUNTY, "M05"),
        ("base_lower_fen", "2000", "楚雄", "M05"),
    ],
)
async def test_what_a_parameter_cannot_be_is_refused(
    centre: Connection, key: str, value: str, scope: str, code: str
) -> None:
    before = await in_force(centre, TOMORROW, COUNTY)
    assert await refusal(centre, key, value, TOMORROW, scope) == code
    assert await in_force(centre, TOMORROW, COUNTY) == before


async def test_unconfirmed_defaults_are_marked_until_the_centre_records_them(
    centre: Connection,
) -> None:
    async def note(day: datetime.date) -> str:
        shown = await parameters.settings(centre, day)
        return next(s.note for s in shown if s.key == "rounding")

    await set_parameter(centre, "rounding", "EACH_YUAN", TOMORROW, "王主任")
    assert "未核" in await note(DAY)
    assert "未核" not in await note(TOMORROW)
    shown = {s.key: s.shown for s in await parameters.settings(centre, DAY)}
    assert shown["base_upper_fen"] == "25,737.00 元"
    assert shown["deposit_rate_prior"] == "1.50%"
