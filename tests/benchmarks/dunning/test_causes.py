"""Each hidden cause behaves as it is said to, and the codes tell of it as much as is stated and no more."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from benchmarks.dunning import issuer
from benchmarks.dunning.hidden import Hidden, Reply, hidden
from benchmarks.dunning.issuer import Ask
from benchmarks.dunning.paydays import paydays
from benchmarks.dunning.play import play, seen_first
from benchmarks.dunning.rivals import FIXED, NOTICES_ONLY, Schedule, ignores, never
from benchmarks.dunning.worlds import BASE, DAY_SECONDS, worlds

WORLD = worlds().by_name[BASE]
CASES = [hidden(WORLD, 11, number) for number in range(1500)]


def of_cause(cause: str) -> list[Hidden]:
    """Return the cases of a cause, without outages and before their customers answer."""
    return [replace(case, outages=(), reply=None) for case in CASES if case.cause == cause]


def ask(case: Hidden, days: float, declines: int = 1) -> Ask:
    """Return a try so many days after the failure."""
    return Ask(case.failed_at + days * DAY_SECONDS, declines, case.failed_at)


def approved(cases: list[Hidden], days: float, declines: int = 1) -> float:
    """Return the share that is approved on a day."""
    return sum(issuer.cause(WORLD, case, ask(case, days, declines)) is None for case in cases) / len(cases)


def test_who_is_short_of_money_pays_only_while_there_is_some() -> None:
    """No try succeeds outside of the spans of an account, and most do within."""
    inside = outside = within = 0
    for case in of_cause("funds"):
        assert case.money is not None
        assert not case.money.covers(case.failed_at)
        for day in range(1, 30):
            standing = issuer.cause(WORLD, case, ask(case, day))
            covered = case.money.covers(ask(case, day).at)
            within += covered
            inside += covered and standing is None
            outside += not covered and standing is None
    assert outside == 0
    assert inside / within == pytest.approx(WORLD.clear_chance * WORLD.clear_falls_by, abs=0.03)


def test_money_comes_on_paydays_where_there_are_any() -> None:
    """But for other money, each span begins on a payday of the customer's calendar and zone, or two days late at most."""
    only_pay = WORLD.model_copy(update={"other_money_every_days": 1e9})
    begins = 0
    for number in range(400):
        case = hidden(only_pay, 11, number)
        money = case.money
        if money is None or money.calendar is None:
            continue
        for begin, _ in money.spans:
            day = datetime.fromtimestamp(begin, UTC).astimezone(case.zone).date()
            assert paydays(money.calendar, day - timedelta(days=2), day, money.own)
            begins += 1
    assert begins > 300


@pytest.mark.parametrize(
    ("calendar", "days"),
    [
        ("semi_monthly", ["2027-02-01", "2027-02-15"]),  # 2027-02-28 is a Sunday, and 1 March a Monday
        ("first", ["2027-02-01"]),
        ("twenty_fifth", ["2027-02-25"]),
        ("last_working_day", ["2027-02-26"]),
        ("weekly", ["2027-02-05", "2027-02-12", "2027-02-19", "2027-02-26"]),
        ("tenth", ["2027-02-10"]),
        ("twentieth", ["2027-02-19"]),  # the 20th is a Saturday
        ("own_day", ["2027-02-05"]),
    ],
)
def test_calendars_of_pay(calendar: str, days: list[str]) -> None:
    """Pay comes on its day, and before weekends."""
    found = paydays(calendar, date(2027, 2, 1), date(2027, 2, 28), own=4)
    assert [str(day) for day in found] == days


def test_a_first_of_the_month_on_a_weekend_is_paid_in_the_month_before() -> None:
    """The first of May 2027 is a Saturday."""
    assert paydays("first", date(2027, 4, 20), date(2027, 4, 30), 0) == [date(2027, 4, 30)]


def test_fortnights_differ_by_customer() -> None:
    """Whose Wednesday it is depends on the customer."""
    mine, yours = (paydays("other_fortnight", date(2027, 2, 1), date(2027, 2, 28), own) for own in (0, 1))
    assert len(mine) == len(yours) == 2
    assert not set(mine) & set(yours)


def test_the_odds_of_risk_fall_with_each_decline() -> None:
    """Who asks eight times is refused more often than who asks twice."""
    risky = of_cause("risk")
    first, later = approved(risky, 3), approved(risky, 3, declines=6)
    assert 0.1 < first < 0.3
    assert later < first / 2


def test_an_issuer_that_was_unwell_is_well_again() -> None:
    """Technical declines pass within days by themselves."""
    unwell = of_cause("technical")
    assert approved(unwell, 0.02) < 0.3
    assert approved(unwell, 7) > 0.85


def test_a_replaced_card_works_once_the_network_has_sent_the_new_one() -> None:
    """Before, no try succeeds; where none is sent, none ever does."""
    for case in of_cause("lifecycle"):
        if case.ends_at is None:
            assert issuer.cause(WORLD, case, ask(case, 29)) == "lifecycle"
        else:
            assert issuer.cause(WORLD, case, Ask(case.ends_at - 1, 1, case.failed_at)) == "lifecycle"
            assert issuer.cause(WORLD, case, Ask(case.ends_at + 1, 1, case.failed_at)) != "lifecycle"


def test_a_network_update_is_told_as_a_new_card() -> None:
    """A policy sees the new card the moment the merchant is told, and the next try is made with it."""
    told = [
        case for case in of_cause("lifecycle") if case.ends_at and case.update_is_told and case.ends_at < case.horizon
    ]
    played = play(WORLD, told[0], Schedule("late", (29.9,), lambda *_: False), 8)
    assert played.tries[1].card.updated_by_network
    assert played.tries[1].card.token != played.tries[0].card.token


def test_hard_declines_never_pass_and_authentication_hardly() -> None:
    """Only the customer helps."""
    assert all(approved(of_cause("hard"), day) == 0 for day in (1, 8, 20))
    assert approved(of_cause("authentication"), 5) < 0.15


def test_a_card_that_the_customer_gave_is_good_whatever_the_cause_was() -> None:
    """A new card has nothing of the old one's troubles."""
    for cause in WORLD.causes:
        good = [
            issuer.cause(WORLD, case, ask(case, 5)._replace(from_customer=True, declines=0)) for case in of_cause(cause)
        ]
        assert good.count(None) / len(good) > 0.85


def test_the_customers_answer_ends_the_case() -> None:
    """Who pays is recovered without a try; who cancels is lost, even if a try would have succeeded later."""
    case = of_cause("technical")[0]
    at = case.failed_at + 1000
    late = Schedule("late", (20.0,), never)
    pays = play(WORLD, replace(case, reply=Reply(at, "pays")), late, 8)
    assert (pays.recovered_at, pays.by_try, len(pays.tries)) == (at, False, 1)
    assert play(WORLD, replace(case, reply=Reply(at, "cancels")), late, 8).recovered_at is None
    assert play(WORLD, replace(case, reply=Reply(at, "replaces_card")), late, 8).by_try


def test_customers_tire_of_notices_and_slow_ones_answer_less() -> None:
    """Answers fall from notice to notice, and some cancel."""
    slow = worlds().by_name["slower_customers"]
    replies = Counter(case.reply.does for case in CASES if case.reply)
    late = [hidden(slow, 11, number).reply for number in range(1500)]
    assert replies["pays"] > replies["replaces_card"] > replies["cancels"] > 0
    assert sum(reply is not None for reply in late) < 0.75 * sum(case.reply is not None for case in CASES)


def test_a_gateway_that_is_down_answers_nothing_and_costs_nothing() -> None:
    """A try in an outage is not at the network and uses up nothing of the budget; the merchant hears of it."""
    case = of_cause("technical")[0]
    down = replace(case, outages=((case.failed_at + 3600, case.failed_at + 6 * DAY_SECONDS),))
    played = play(WORLD, down, FIXED, 8)
    lost = [tried for tried in played.tries if not tried.answer.reached_network]
    assert len(lost) > 50
    assert {tried.answer.code for tried in lost} == {"gateway_unreachable"}
    assert played.sent < 8
    assert played.by_try


def test_a_policy_without_end_is_stopped() -> None:
    """A broken policy fails the run with its name instead of hanging it."""
    case = replace(of_cause("hard")[0], outages=((0.0, 4e9),))
    eager = Schedule("eager", (1.0,), ignores, again_when_unreachable=FIXED.again_when_unreachable * 0)
    with pytest.raises(RuntimeError, match=r"eager tries in_[a-p]+ without end"):
        play(WORLD, case, eager, 8)


@pytest.mark.parametrize("cause", WORLD.causes)
def test_codes_come_as_often_as_is_stated(cause: str) -> None:
    """What a first decline tells of its cause is the noise that the data states, and nothing else."""
    cases = [case for case in CASES if case.cause == cause]
    said = Counter(
        issuer.declined(WORLD, replace(case, gateway="stripe"), case.failed_at, cause).network_code for case in cases
    )
    for code, part in WORLD.codes[cause].items():
        assert said[code] / len(cases) == pytest.approx(part, abs=3.5 * (part * (1 - part) / len(cases)) ** 0.5 + 0.01)


def test_nothing_that_is_seen_but_the_codes_depends_on_the_cause() -> None:
    """Amounts, cards and gateways are drawn apart from the cause, and ids say nothing."""
    means = {}
    for cause in ("funds", "risk", "lifecycle"):
        seen = [seen_first(WORLD, case, 8) for case in of_cause(cause)]
        means[cause] = sum(one.card.network == "visa" for one in seen) / len(seen)
        assert all(one.invoice_id.removeprefix("in_").isalpha() for one in seen)
    assert max(means.values()) - min(means.values()) < 0.12


def test_paypal_shows_no_waits() -> None:
    """PayPal hands on four of Mastercard's advice codes, Stripe all; neither gives Visa any."""
    for case in CASES:
        answer = seen_first(WORLD, case, 8).tries[0].answer
        if case.gateway == "paypal":
            assert answer.advice in {None, "01", "02", "03", "21"}
            assert answer.network_advice is None
            assert answer.network_code == answer.code
        elif case.network == "visa":
            assert answer.network_advice is None


def test_past_payments_are_before_the_failure_and_in_order() -> None:
    """The rhythm that a policy may learn from has nothing of the future."""
    known = [case for case in CASES if case.past_payments]
    assert 0.6 < len(known) / len(CASES) < 0.8
    for case in known:
        assert list(case.past_payments) == sorted(case.past_payments)
        assert case.past_payments[-1] < case.failed_at


def test_local_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer is stricter at night in the customer's zone, not in ours."""
    monkeypatch.setattr(issuer, "share", lambda *_: 0.0)
    case = replace(of_cause("risk")[0], zone=ZoneInfo("Australia/Sydney"), failed_at=0.0, risk_chance=0.5)
    noon, night = (datetime(2027, 1, 10, hour, tzinfo=ZoneInfo("Australia/Sydney")).timestamp() for hour in (12, 3))
    odds = [issuer._risk(WORLD, case, Ask(at, 1, 0.0)) for at in (noon, night)]
    assert odds == [0.5, 0.5 * WORLD.risk_night_factor]


def test_notices_only_makes_no_try() -> None:
    """The floor of the contest is what customers do by themselves."""
    assert all(len(play(WORLD, case, NOTICES_ONLY, 8).tries) == 1 for case in CASES[:200])
