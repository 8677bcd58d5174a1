"""Subscriptions: which period follows which, and what cancelling, pausing and another plan change."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import subscriptions
from billing.calendar import Unit
from billing.errors import ChangeRefused
from billing.subscriptions import FOLLOWS, Subscription, SubscriptionRequest, SubscriptionState
from tests.billing.owed_samples import ALICE, NOW, plan, subscription, usd

LATE = datetime(2099, 1, 1, tzinfo=UTC)
MONTHLY, YEARLY = plan(), plan(19000, unit=Unit.YEAR, plan_id="pro-yearly")


def after(before: Subscription, changes: dict[str, Any]) -> Subscription:
    return before.model_copy(update=changes)


def request(starts_on: str, **more: Any) -> SubscriptionRequest:
    fields: dict[str, Any] = {"subscription_id": "sub_1", "customer_id": "cus_1", "plan_id": "pro", "actor": ALICE}
    return SubscriptionRequest(**fields | {"starts_on": date.fromisoformat(starts_on)} | more)


def test_periods_follow_the_anchor_to_the_end_of_each_month() -> None:
    """Started on the 31st, it is billed on the last day of each month, and never earlier from then on."""
    now, ends = subscription(), []
    for _ in range(4):
        now = after(now, subscriptions.next_period(now, MONTHLY, None, LATE))
        ends.append(str(now.period_begins))
    assert ends == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert (now.period_serial, str(now.period_ends)) == (4, "2026-06-30")


def test_a_period_lasts_until_its_last_midnight_in_its_own_zone() -> None:
    """A customer in Auckland is billed when the day begins there, half a day before it does in UTC."""
    there = subscription(starts_on="2026-03-05", time_zone="Pacific/Auckland")
    over = datetime(2026, 4, 4, 11, tzinfo=UTC)  # 5 April, 00:00, the day on which the clocks go back
    assert there.period_ends_at == over
    assert subscriptions.next_period(there, MONTHLY, None, over - timedelta(seconds=1)) == {}
    assert subscriptions.next_period(there, MONTHLY, None, over)["period_begins"] == date(2026, 4, 5)


def test_a_trial_is_a_period_of_its_own_and_the_anchor_is_its_end() -> None:
    """Nothing is billed before it is over."""
    trial = subscription(plan(trial_days=14), "2026-01-17")
    assert (trial.state, trial.anchor, trial.period_ends) == ("trialing", date(2026, 1, 31), date(2026, 1, 31))
    assert subscriptions.invoice_of_period(trial, MONTHLY, ALICE) is None
    begun = after(trial, subscriptions.next_period(trial, MONTHLY, None, LATE))
    assert (begun.state, str(begun.period_begins), str(begun.period_ends)) == ("active", "2026-01-31", "2026-02-28")


def test_an_anchor_before_the_start_is_kept_where_a_period_begins_on_the_start() -> None:
    """One that was moved here on 28 February goes on being billed on the 31st; no anchor makes a short period."""
    made = subscriptions.beginning(request("2026-02-28", anchor=date(2026, 1, 31)), MONTHLY)
    assert (made["period_begins"], made["period_ends"]) == (date(2026, 2, 28), date(2026, 3, 31))
    with pytest.raises(ChangeRefused, match="no period of 1 month from the anchor 2026-03-31 begins then"):
        subscriptions.beginning(request("2026-02-28", anchor=date(2026, 3, 31)), MONTHLY)
    with pytest.raises(ChangeRefused, match="it is billed from 2026-02-15 on, and no period"):
        subscriptions.beginning(request("2026-02-15", anchor=date(2026, 1, 31)), MONTHLY)


def test_another_plan_follows_at_the_end_of_the_period() -> None:
    """Another interval is counted from there; the same interval keeps the anchor; the plan it has takes it back."""
    now = subscription()
    changing = after(now, subscriptions.change_of_plan(now, YEARLY))
    assert (changing.plan_id, changing.next_plan_id) == ("pro", "pro-yearly")
    yearly = after(changing, subscriptions.next_period(changing, MONTHLY, YEARLY, LATE))
    assert (yearly.plan_id, str(yearly.anchor), str(yearly.period_ends)) == ("pro-yearly", "2026-02-28", "2027-02-28")
    assert yearly.next_plan_id is None
    dearer = plan(2900, version=2)
    monthly = after(now, subscriptions.next_period(now, MONTHLY, dearer, LATE))
    assert (monthly.plan_version, str(monthly.anchor), str(monthly.period_ends)) == (2, "2026-01-31", "2026-03-31")
    assert after(changing, subscriptions.change_of_plan(changing, MONTHLY)).next_plan_id is None
    euros = plan(amount={"amount_minor": 1900, "currency": "EUR"})
    with pytest.raises(ChangeRefused, match="it is in USD, and plan pro in EUR"):
        subscriptions.change_of_plan(now, euros)


def test_a_cancellation_at_the_end_is_one_at_the_end_and_can_be_taken_back() -> None:
    """It is billed no further, and until then it is what it was."""
    ending = after(subscription(), subscriptions.cancellation(subscription(), at_period_end=True, now=NOW))
    assert (ending.state, ending.cancel_at_period_end) == ("active", True)
    assert not after(ending, subscriptions.resumption(ending, is_overdue=False, now=NOW)).cancel_at_period_end
    over = after(ending, subscriptions.next_period(ending, MONTHLY, None, LATE))
    assert (over.state, over.canceled_at, over.period_serial) == ("canceled", LATE, 0)
    assert subscriptions.next_period(over, MONTHLY, None, LATE) == {}
    changes: list[Callable[[], object]] = [
        lambda: subscriptions.cancellation(over, at_period_end=False, now=NOW),
        lambda: subscriptions.pause(over, None, NOW),
        lambda: subscriptions.resumption(over, is_overdue=False, now=NOW),
        lambda: subscriptions.change_of_plan(over, YEARLY),
    ]
    for change in changes:
        with pytest.raises(ChangeRefused, match="it is canceled"):
            change()


def test_a_paused_subscription_goes_on_where_it_was() -> None:
    """Its periods go by without an invoice; what is overdue is still overdue after it, and a trial still a trial."""
    paused = after(subscription(), subscriptions.pause(subscription(), None, NOW))
    assert subscriptions.invoice_of_period(paused, MONTHLY, ALICE) is None
    gone_by = after(paused, subscriptions.next_period(paused, MONTHLY, None, LATE))
    assert (gone_by.state, gone_by.period_serial) == ("paused", 1)
    resumed = after(paused, subscriptions.resumption(paused, is_overdue=False, now=NOW))
    assert (resumed.state, resumed.paused_at) == ("active", None)
    assert subscriptions.resumption(paused, is_overdue=True, now=NOW)["state"] == "past_due"
    trial = after(subscription(plan(trial_days=14)), subscriptions.pause(subscription(), None, NOW))
    assert subscriptions.resumption(trial, is_overdue=True, now=NOW)["state"] == "trialing"
    with pytest.raises(ChangeRefused, match="is over: pause it until later"):
        subscriptions.pause(subscription(), NOW, NOW)
    with pytest.raises(ChangeRefused, match="nothing to resume"):
        subscriptions.resumption(subscription(), is_overdue=False, now=NOW)


@pytest.mark.parametrize("state", SubscriptionState)
@pytest.mark.parametrize("to", SubscriptionState)
def test_states_follow_each_other_as_the_table_says(state: SubscriptionState, to: SubscriptionState) -> None:
    """What is canceled stays so; the same state again changes nothing."""
    before = subscription(state=state)
    if state is to:
        assert subscriptions.standing(before, to, NOW) == {}
    elif to in FOLLOWS[state]:
        assert subscriptions.standing(before, to, NOW)["state"] is to
    else:
        with pytest.raises(ChangeRefused, match=f"it is {state}, and cannot become {to}"):
            subscriptions.standing(before, to, NOW)


def test_the_invoice_of_a_period_is_named_after_it() -> None:
    """So that whoever asks for it again gets the same one; it earns to the plan's account, for the period's days."""
    made = subscriptions.invoice_of_period(subscription(), plan(earns_to="liability:deferred_revenue"), ALICE)
    assert made is not None
    assert (made.invoice_id, made.total, made.subscription_id, made.period_number) == ("sub_1.0", usd(1900), "sub_1", 0)
    [line] = made.lines
    assert (line.earns_to, line.begins, line.ends) == (
        "liability:deferred_revenue",
        date(2026, 1, 31),
        date(2026, 2, 28),
    )


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.lists(st.sampled_from(Unit), max_size=12))
def test_periods_never_overlap_whatever_plans_follow(start: date, units: list[Unit]) -> None:
    """Each begins where the last one ended, also when the interval changes."""
    of, now = plan(), subscription(starts_on=f"{start}")
    for number, unit in enumerate(units, 2):
        following = plan(unit=unit, version=number)
        then = after(now, subscriptions.next_period(now, of, following, LATE))
        assert (then.period_begins, then.period_serial) == (now.period_ends, now.period_serial + 1)
        assert then.period_begins < then.period_ends
        of, now = following, then
