"""The contest is fair: the same cases for all, budgets that bind, schedules as documented, and a bound that is one."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.dunning import issuer, networks, standings
from benchmarks.dunning.clairvoyant import Clairvoyant
from benchmarks.dunning.contest import BUDGETS, CASES, REPORT, SEEDS, TRAINING, UNCUT, Entry, Round, play_round
from benchmarks.dunning.hidden import hidden
from benchmarks.dunning.ours import OURS, history_of
from benchmarks.dunning.play import moment, play, seen_first
from benchmarks.dunning.referee import violations
from benchmarks.dunning.rivals import FIXED, RIVALS, Schedule, ignores
from benchmarks.dunning.seen import Outage, SeenCase, Try
from benchmarks.dunning.standings import Standings
from benchmarks.dunning.tally import Tally, net_minor
from benchmarks.dunning.worlds import BASE, DAY_SECONDS, worlds

WORLD = worlds().by_name[BASE]
CASE_LIST = [hidden(WORLD, 21, number) for number in range(160)]
BY_NAME = {policy.name.split(",")[0]: policy for policy in RIVALS}


def days(policy: Schedule, code: str = "51") -> list[float]:
    """Return the days on which a schedule tries a card of Stripe's that is always declined."""
    case = replace(
        next(case for case in CASE_LIST if case.cause == "hard"),
        gateway="stripe",
        network="visa",
        outages=(),
        reply=None,
    )
    certain = WORLD.model_copy(update={"codes": {cause: {code: 1.0} for cause in WORLD.codes}})
    return [
        (tried.at.timestamp() - case.failed_at) / DAY_SECONDS for tried in play(certain, case, policy, UNCUT).tries[1:]
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("notices only", []),
        ("PayPal Subscriptions", [5, 10]),
        ("Stripe's own schedule", [3, 8, 15]),
        ("Kill Bill", [8, 16, 24]),
        ("Polar", [2, 7, 14, 21]),
        ("fixed 8 in 14 days", [1.75, 3.5, 5.25, 7, 8.75, 10.5, 12.25, 14]),
    ],
)
def test_schedules_are_as_documented(name: str, expected: list[float]) -> None:
    """Others are not made weaker than they are."""
    assert days(BY_NAME[name]) == pytest.approx(expected)


def test_schedules_stop_where_it_is_documented() -> None:
    """Stripe does not retry a lost card, Polar no `do_not_honor` either; nobody documents that of Kill Bill."""
    assert days(BY_NAME["Stripe's own schedule"], "41") == []
    assert len(days(BY_NAME["Stripe's own schedule"], "05")) == 3
    assert days(BY_NAME["Polar"], "05") == []
    assert len(days(BY_NAME["Kill Bill"], "41")) == 3
    assert days(FIXED, "41") == []


def test_no_policy_passes_its_budget() -> None:
    """Tries beyond the budget are not made, whoever asks for them."""
    for case in CASE_LIST[:40]:
        for policy in (Schedule("eager", tuple(float(day) for day in range(1, 29)), ignores), OURS):
            for budget in BUDGETS:
                assert play(WORLD, case, policy, budget).sent <= budget


def test_foresight_is_the_bound() -> None:
    """No policy that keeps the rules recovers a case that foresight does not, and foresight keeps them too."""
    recovered = 0
    for case in CASE_LIST:
        foreseen = play(WORLD, case, Clairvoyant(WORLD, case), 1)
        assert violations(foreseen.tries).total == 0
        assert foreseen.sent <= 1
        ours = play(WORLD, case, OURS, 8)
        recovered += ours.recovered_at is not None
        assert ours.recovered_at is None or foreseen.recovered_at is not None, case
    assert recovered > 60


def test_foresight_finds_any_hour_that_would_do() -> None:
    """Of what is left to luck, foresight misses no hour of the month at which the first try would succeed."""
    looked = 0
    for case in CASE_LIST:
        if case.cause not in {"risk", "authentication"} or case.network != "visa":
            continue  # Visa gives no advice that would have to be waited for
        free = replace(case, outages=(), reply=None)
        clairvoyant = Clairvoyant(WORLD, free)
        hours = (free.failed_at + 3600 * hour for hour in range(1, 24 * 29))
        any_hour = any(issuer.cause(WORLD, free, issuer.Ask(at, 1, free.failed_at)) is None for at in hours)
        assert (clairvoyant.next_try(seen_first(WORLD, free, 8), moment(free.failed_at)) is not None) >= any_hour
        looked += any_hour
    assert looked > 5


def test_only_the_adapter_knows_the_policy_under_test() -> None:
    """The simulator shares no code with what it judges: a mistake of one is not hidden by the same mistake of the other."""
    for path in Path(networks.__file__).parent.glob("*.py"):
        if path.stem != "ours":
            assert "from billing" not in path.read_text(), path.name
            assert "import billing" not in path.read_text(), path.name


def test_ours_breaks_nothing() -> None:
    """Not one try of our policy is against the rules, in any world."""
    for name in (BASE, *worlds().shifted):
        world = worlds().by_name[name]
        for number in range(40):
            played = play(world, hidden(world, 22, number), OURS, 8)
            assert violations(played.tries).total == 0


def test_the_adapter_says_what_is_seen() -> None:
    """Our policy is told all that is seen, and a new card as a renewed method."""
    case = next(case for case in CASE_LIST if case.network == "mastercard" and case.past_payments)
    seen = seen_first(WORLD, case, 4)
    history = history_of(seen)
    assert history.invoice.amount.amount_minor == case.amount_minor
    assert history.customer.zone == case.zone.key
    assert list(history.payments) == list(seen.past_payments)
    assert [tried.at for tried in history.tries] == [seen.failed_at]
    assert not history.tries[0].is_rung
    assert history.methods[0].replaced_at is None
    seen.cards.append(replace(seen.card, token="another", added_at=seen.failed_at + timedelta(days=3)))
    method = history_of(seen).methods[0]
    assert (method.fingerprint, method.replaced_at) == ("another", seen.failed_at + timedelta(days=3))
    assert OURS.next_try(seen, seen.card.added_at) == seen.card.added_at
    down = Try(seen.card.added_at, seen.card, issuer.UNREACHABLE)
    seen.tries.append(down)
    seen.outages.append(Outage(down.at))
    told = history_of(seen)
    assert [tried.at_network for tried in told.tries] == [True, False]
    assert [(outage.began_at, outage.ended_at) for outage in told.outages] == [(down.at, None)]


def test_rounds_can_be_played_again() -> None:
    """The same seed has the same figures, and each policy was given the same cases."""
    first, again = play_round(15, BASE, 5), play_round(15, BASE, 5)
    assert first == again
    assert {tally.cases for tally in first.tallies.values()} == {15}
    assert Entry("daily, 20 times", UNCUT) in first.tallies


def test_nothing_is_reported_on_what_was_tuned_on() -> None:
    """The seeds of the report are others than those of the tuning, and as many as the interval is for."""
    assert not set(TRAINING) & set(REPORT)
    assert len(TRAINING) == len(REPORT) == SEEDS >= 20
    assert CASES * SEEDS >= 10_000


def test_an_interval_is_taken_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference that is the same in every seed is certain, however the seeds differ."""
    monkeypatch.setattr(standings, "SEEDS", 3)
    one, other = Entry("one", 8), Entry("other", 8)
    rounds = [
        Round(BASE, seed, {one: Tally(100, 40 + level, tries=300), other: Tally(100, 35 + level, tries=400)})
        for seed, level in enumerate((0, 20, 7))
    ]
    found = Standings(rounds)
    assert found.points_over(one, other) == pytest.approx((5, 5, 5))
    assert found.fewer_tries(one, other) == pytest.approx(25)
    rounds[0].tallies[one].recovered += 6
    wider = Standings(rounds).points_over(one, other)
    assert wider.mean == pytest.approx(7)
    assert wider.high - wider.mean == pytest.approx(2.069 * 12**0.5 / 3**0.5)


def test_tries_notices_fees_and_lost_customers_cost() -> None:
    """What a case brings is what was recovered less all of these."""
    hard = next(case for case in CASE_LIST if case.cause == "hard")
    notices = (hard.failed_at + 5, hard.failed_at + 6)
    case = replace(hard, amount_minor=1000, network="visa", gateway="stripe", outages=(), reply=None, notices=notices)
    certain = WORLD.model_copy(update={"codes": {cause: {"41": 1.0} for cause in WORLD.codes}})
    played = play(certain, case, Schedule("blind", (1.0, 2.0), ignores), 8)
    cost = net_minor(WORLD, case, played, violations(played.tries))
    assert cost == pytest.approx(-(2 * 5 + 2 * 1 + 2 * 10) - 1000 * 7 * 0.3)
    paid = replace(played, recovered_at=case.failed_at + 5.5, tries=played.tries[:1])
    assert net_minor(WORLD, case, paid, violations(paid.tries)) == pytest.approx(1000 - 1)


def test_tallies_add_up() -> None:
    """The sum over the seeds is the sum of all their counts."""
    tally = Tally(2, 1, tries=3, hours=[24.0]) + Tally(2, 1, tries=5, hours=[72.0])
    assert (tally.cases, tally.recovered, tally.tries, tally.hours) == (4, 2, 8, [24.0, 72.0])
    assert (tally.recovered_share, tally.tries_per_case, tally.tries_per_recovery, tally.median_days) == (50, 2, 4, 2)


def test_a_moment_that_is_past_is_tried_now() -> None:
    """Who answers with a time that is over tries at once, and time does not run backwards."""

    class Late:
        name = "late"

        def next_try(self, seen: SeenCase, now: datetime) -> datetime | None:
            del seen
            return now - timedelta(days=3)

    case = replace(next(case for case in CASE_LIST if case.cause == "hard"), outages=(), reply=None)
    assert [tried.at for tried in play(WORLD, case, Late(), 2).tries] == [seen_first(WORLD, case, 2).failed_at] * 3
