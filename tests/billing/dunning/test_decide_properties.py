"""What holds of every decision, whatever happens: ceilings, waits, nevers, an end, and that a promise is kept."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from billing.dunning.ceilings import CEILINGS
from billing.dunning.decide import decide
from billing.dunning.decision import AskCustomer, Decision, GiveUp, TryAgain, Wait
from billing.dunning.decline_classes import Answer
from billing.dunning.history import Event, EventKind, History, OtherTry, PaymentMethod, TryOutcome
from billing.dunning.policy import Backups, Policy
from tests.billing.dunning.histories import AMOUNT, DAY, HOUR, after_try, default, event, fixed, history, method, tried

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANSWERS = st.builds(
    Answer,
    code=st.sampled_from(["generic_decline", "insufficient_funds", "processing_error", "expired_card", "who_knows"]),
    network_code=st.sampled_from([None, "05", "51", "91", "41", "57", "1A", "ZZ"]),
    network_advice=st.sampled_from([None, None, "02", "24", "28", "30", "03", "40"]),
)
SOFT = st.builds(
    Answer,
    code=st.sampled_from(["generic_decline", "insufficient_funds", "processing_error"]),
    network_code=st.sampled_from([None, "05", "51", "91"]),
    network_advice=st.sampled_from([None, None, "02", "25", "27"]),
)
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "UTC", None]
)
# Around changes of clocks in both directions, month ends and a leap day too.
MOMENTS = st.integers(0, 3 * 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
POLICIES = st.builds(
    lambda kind, most, days, backups: kind(most_tries=most, deadline_days=days, backups=backups),
    kind=st.sampled_from([default, fixed]),
    most=st.integers(0, 19),
    days=st.integers(1, 60),
    backups=st.sampled_from(Backups),
)


@st.composite
def cards(draw: st.DrawFn, failed_at: datetime) -> list[PaymentMethod]:
    """One to three methods; some of them the same card."""
    return [
        method(
            f"pm_{number}",
            gateway=draw(st.sampled_from(["stripe", "paypal"])),
            network=draw(st.sampled_from(["visa", "mastercard", "amex", None])),
            fingerprint=draw(st.sampled_from([None, "card_a", "card_b"])),
            country=draw(st.sampled_from(["DE", "BR", "US", None])),
            added_at=failed_at - 100 * DAY,
        )
        for number in range(draw(st.integers(1, 3)))
    ]


@st.composite
def begun(draw: st.DrawFn, answers: st.SearchStrategy[Answer] = ANSWERS) -> History:
    """A history with a first failure, and with tries of the same card elsewhere."""
    failed_at = draw(MOMENTS)
    methods = draw(cards(failed_at))
    others = tuple(
        OtherTry(
            at=failed_at - draw(st.integers(0, 700)) * HOUR,
            card=methods[0].card,
            amount=AMOUNT,
            is_approved=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 8)))
    )
    payments = tuple(sorted(failed_at - draw(st.integers(1, 300)) * DAY for _ in range(draw(st.integers(0, 5)))))
    return history(
        draw(answers), methods=methods, zone=draw(ZONES), failed_at=failed_at, other_tries=others, payments=payments
    )


def next_moment(decision: Decision) -> datetime | None:
    """When to ask again; None at the end."""
    match decision:
        case TryAgain(at=at):
            return at
        case AskCustomer(until=until) | Wait(until=until):
            return until
        case GiveUp():
            return None


def played(before: History, policy: Policy, data: st.DataObject, answers: st.SearchStrategy[Answer]) -> History:
    """Play to the end, and look at each decision on the way."""
    now = before.invoice.failed_at
    for _ in range(500):
        decision = decide(before, policy, now)
        then = next_moment(decision)
        if then is None:
            return before
        assert then >= now
        if isinstance(decision, TryAgain):
            keeps_its_promise(before, policy, decision, now)
            allowed_by_every_rule(before, decision)
            before = after_try(before, decision, data.draw(answers))
        else:
            assert then > now
        now = then
    raise AssertionError("it does not end")


def keeps_its_promise(before: History, policy: Policy, decision: TryAgain, now: datetime) -> None:
    """Asked in between, at the moment, and too late: the same try, at once if it is late."""
    assert decide(before, policy, now + (decision.at - now) / 2) == decision
    assert decide(before, policy, decision.at) == decision
    late = decision.at + timedelta(seconds=1)
    again = decide(before, policy, late)
    assert isinstance(again, GiveUp) or again == decision._replace(at=late)


def allowed_by_every_rule(before: History, decision: TryAgain) -> None:
    """Counted anew, try by try: no ceiling passed, no wait broken, no refused or removed card, nothing twice."""
    of = next(one for one in before.methods if one.method_id == decision.method)
    assert of.removed_at is None
    tries = [one for one in before.counted if one.card == of.card]
    for rule in CEILINGS.of(of.network, of.country, decision.at):
        if rule.is_ours and not decision.is_rung:
            continue
        counted = 0
        for one in tries:
            if one.is_approved:
                counted = 0 if rule.consecutive else counted
            elif one.at > decision.at - rule.window and one.at_network:
                counted += rule.counts == "answers" or not one.is_technical
        assert counted < rule.most, rule.note
    for tried_before in before.tries:
        found = tried_before.classified
        if found is not None and tried_before.card == of.card:
            assert found.scope != "card"
            assert decision.at >= tried_before.at + found.wait or tried_before.at < of.renewed_at


@SLOW
@given(data=st.data(), policy=POLICIES)
def test_every_run_ends_within_the_rules(data: st.DataObject, policy: Policy) -> None:
    """Whatever is answered: each try is allowed, each decision keeps its word, and it ends; rungs are never exceeded."""
    ended = played(data.draw(begun()), policy, data, ANSWERS)
    assert sum(one.uses_rung for one in ended.tries) <= policy.most_tries
    last = ended.tries[-1].at
    assert last < ended.invoice.failed_at + (policy.deadline_days + 1) * DAY


@SLOW
@given(data=st.data())
def test_no_more_tries_than_the_policy_has_whatever_comes_from_people(data: st.DataObject) -> None:
    """Pauses, promises, extensions and commands in any order: rungs are counted all the same, and it still ends."""
    before = data.draw(begun(SOFT))
    failed_at = before.invoice.failed_at
    events: list[Event] = []
    at = failed_at
    for _ in range(data.draw(st.integers(0, 5))):
        at += data.draw(st.integers(1, 200)) * HOUR
        kind = data.draw(
            st.sampled_from(
                [
                    EventKind.PAUSED,
                    EventKind.PROMISED,
                    EventKind.EXTENDED,
                    EventKind.RESUMED,
                    EventKind.DISPUTE_OPENED,
                    EventKind.DISPUTE_CLOSED,
                    EventKind.RETRIED_NOW,
                ]
            )
        )
        needs = kind in {EventKind.PAUSED, EventKind.PROMISED, EventKind.EXTENDED}
        events.append(event(kind, at, at + data.draw(st.integers(1, 900)) * HOUR if needs else None))
    policy = fixed(most_tries=4)
    now, waiting = failed_at, list(events)
    for _ in range(500):
        while waiting and waiting[0].at <= now:
            before = before.having(events=(*before.events, waiting.pop(0)))
        decision = decide(before, policy, now)
        then = next_moment(decision)
        if then is None:
            break
        if waiting and waiting[0].at <= then:
            now = max(now, waiting[0].at)
            continue
        if isinstance(decision, TryAgain):
            allowed_by_every_rule(before, decision)
            before = after_try(before, decision, data.draw(SOFT))
        now = then
    else:
        raise AssertionError("it does not end")
    assert sum(one.uses_rung for one in before.tries) <= 4


@SLOW
@given(data=st.data(), policy=POLICIES)
def test_a_card_that_was_removed_or_refused_for_ever_is_never_tried(data: st.DataObject, policy: Policy) -> None:
    """Whatever else is in the history."""
    before = data.draw(begun())
    assume(len({one.card for one in before.methods}) > 1)
    gone = before.methods[0]
    how = data.draw(st.sampled_from(["removed", "never"]))
    changes = {"removed_at": before.invoice.failed_at} if how == "removed" else {"never": True}
    before = before.having(methods=(gone.model_copy(update=changes), *before.methods[1:]))
    decision = decide(before, policy, before.invoice.failed_at)
    if isinstance(decision, TryAgain):
        assert decision.method != gone.method_id


@SLOW
@given(data=st.data(), policy=POLICIES)
def test_nothing_is_tried_beside_a_try_that_is_not_decided(data: st.DataObject, policy: Policy) -> None:
    """Never two payments."""
    before = data.draw(begun(SOFT))
    at = before.invoice.failed_at + HOUR
    open_try = tried(at, None, before.methods[0], outcome=TryOutcome.UNDECIDED)
    before = before.having(tries=(*before.tries, open_try))
    later = at + data.draw(st.integers(0, 5000)) * HOUR
    assert isinstance(decide(before, policy, later), Wait)


@SLOW
@given(data=st.data(), policy=POLICIES)
def test_the_same_history_is_decided_alike_by_another_process(data: st.DataObject, policy: Policy) -> None:
    """What was written down and read again, as Temporal does, decides the same."""
    before = data.draw(begun())
    read = History.model_validate_json(before.model_dump_json())
    now = before.invoice.failed_at
    assert decide(read, Policy.model_validate_json(policy.model_dump_json()), now) == decide(before, policy, now)
