"""What is decided after each class of decline, and every way in which it ends."""

from datetime import timedelta
from itertools import pairwise

import pytest

from billing.dunning.decide import deadline_of, decide
from billing.dunning.decision import AskCustomer, GiveUp, Need, Purpose, Reason, TryAgain, Wait, WaitingFor
from billing.dunning.decline_classes import Answer
from billing.dunning.history import Event, EventKind, OtherTry, TryOutcome
from billing.dunning.policy import Backups
from billing.dunning.zones import days_later
from tests.billing.dunning.histories import (
    AMOUNT,
    CODES,
    DAY,
    FAILED_AT,
    HOUR,
    after_try,
    default,
    event,
    fixed,
    history,
    method,
    tried,
    tries_of,
)

ZONE = "Europe/Berlin"
LATER = FAILED_AT + 10 * DAY


def on_days(*days: int) -> list[object]:
    return [days_later(FAILED_AT, day, ZONE) for day in days]


@pytest.mark.parametrize(
    ("of_class", "days"), [("wait_for_funds", (3, 7, 14, 20)), ("generic", (2, 5, 9)), ("unknown", (2, 5, 9))]
)
def test_fixed_days_are_kept_at_the_same_time_of_day(of_class: str, days: tuple[int, ...]) -> None:
    """A policy of fixed days tries on those days and then leaves the rest to the customer, until the deadline."""
    made, then, _ = tries_of(history(CODES[of_class]), fixed(), CODES[of_class])
    assert [one.at for one in made] == on_days(*days)
    assert all(one.is_rung for one in made)
    assert isinstance(then, AskCustomer)
    assert then.until == days_later(FAILED_AT, 21, ZONE)


@pytest.mark.parametrize("vague", ["generic", "unknown"])
def test_an_issuer_that_spoke_of_money_is_thought_to_mean_it_still(vague: str) -> None:
    """A vague code after "no money" hides the same cause: the card is tried when there is likely to be money."""
    made, _, _ = tries_of(history(CODES["wait_for_funds"]), fixed(), CODES[vague])
    assert [one.at for one in made] == on_days(3, 7, 14, 20)


def test_a_word_about_one_cards_money_says_nothing_of_another() -> None:
    """A vague refusal of a card is not read by what the issuer of the customer's other card said."""
    both = [method("pm_1"), method("pm_2")]
    begun = history(CODES["generic"], methods=both)
    backup = decide(begun, fixed(), FAILED_AT)
    assert isinstance(backup, TryAgain)
    assert backup.method == "pm_2"
    then = decide(after_try(begun, backup, CODES["wait_for_funds"]), fixed(), FAILED_AT)
    assert isinstance(then, TryAgain)
    assert (then.method, [then.at]) == ("pm_1", on_days(5))


def test_a_reason_that_is_named_is_not_taken_for_want_of_money() -> None:
    """After "no money", a card that has expired is not tried on paydays at another gateway either."""
    both = [method("pm_1", fingerprint="card_a"), method("pm_2", fingerprint="card_a", gateway="paypal")]
    before = history(CODES["wait_for_funds"], methods=both)
    named = before.having(tries=(*before.tries, tried(LATER, CODES["fix_data"], both[0])))
    assert isinstance(decide(named, default(), LATER), AskCustomer)


@pytest.mark.parametrize(
    ("of_class", "need"),
    [("never", Need.NEW_METHOD), ("fix_data", Need.FIX_DATA), ("needs_authentication", Need.AUTHENTICATE)],
)
def test_what_only_the_customer_can_mend_is_not_tried_again(of_class: str, need: Need) -> None:
    """A try that cannot succeed costs a fee and the issuer's goodwill; the customer is asked at once."""
    decision = decide(history(CODES[of_class]), default(), FAILED_AT)
    assert isinstance(decision, AskCustomer)
    assert decision.what is need
    end = decide(history(CODES[of_class]), default(), decision.until)
    assert isinstance(end, GiveUp)
    assert end.reason is Reason.CUSTOMER_DID_NOT_ACT


def test_technical_failures_are_tried_soon_and_use_up_nothing() -> None:
    """Nobody said no: minutes, then hours; and all rungs are left for the answer that comes at last."""
    made, _, after = tries_of(history(CODES["technical"]), fixed(deadline_days=1), CODES["technical"])
    at = FAILED_AT
    for one, minutes in zip(made, (15, 60, 240), strict=True):
        at += timedelta(minutes=minutes)
        assert one.at == at
    assert sum(one.uses_rung for one in after.tries) == 0


def test_technical_failures_without_end_slow_down_to_a_day() -> None:
    """An issuer that is down for weeks is not asked every few hours."""
    made, _, _ = tries_of(history(CODES["technical"]), default(), CODES["technical"])
    gaps = [later.at - earlier.at for earlier, later in pairwise(made[4:])]
    assert min(gaps) >= DAY
    assert len(made) < 40


def test_a_soft_code_after_a_never_does_not_take_it_back() -> None:
    """A card that was refused for ever stays refused, whatever a later answer says."""
    before = history(CODES["never"])
    softened = before.having(tries=(*before.tries, tried(LATER, CODES["wait_for_funds"])))
    assert isinstance(decide(softened, default(), LATER), AskCustomer)


def test_a_card_that_was_refused_for_ever_elsewhere_is_not_tried() -> None:
    """The refusal of another invoice holds for this one."""
    assert isinstance(decide(history(methods=[method(never=True)]), default(), FAILED_AT), AskCustomer)


def test_a_never_holds_for_the_card_at_every_gateway() -> None:
    """The same card under another token is the same card."""
    both = [method("pm_1", fingerprint="card_a"), method("pm_2", fingerprint="card_a", gateway="paypal")]
    assert isinstance(decide(history(CODES["never"], methods=both), default(), FAILED_AT), AskCustomer)


def test_an_advised_wait_is_obeyed_by_every_kind_of_try() -> None:
    """Not even a person's command, or the same card under new data, comes before the network's own wait is over."""
    card = method(network="mastercard")
    advised = Answer(code="insufficient_funds", network_code="51", network_advice="30")
    begun = history(advised, methods=[card])
    for policy in (fixed(), default()):
        decision = decide(begun, policy, FAILED_AT)
        assert isinstance(decision, TryAgain)
        assert decision.at >= FAILED_AT + 10 * DAY
    asked = begun.having(events=(event(EventKind.RETRIED_NOW, FAILED_AT + DAY),))
    decision = decide(asked, default(), FAILED_AT + DAY)
    assert isinstance(decision, TryAgain)
    assert decision.at == FAILED_AT + 10 * DAY


def test_an_issuer_that_said_no_is_asked_a_day_later_at_the_earliest() -> None:
    """Also where the refusal was of another invoice: the card is the same."""
    other = OtherTry(at=FAILED_AT + 2 * DAY, card="pm_1", amount=AMOUNT, is_approved=False)
    decision = decide(history(CODES["generic"], other_tries=(other,)), fixed(), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert decision.at == FAILED_AT + 3 * DAY


def test_two_invoices_on_one_card_share_the_networks_ceiling() -> None:
    """Twenty tries of the other invoice leave none for this one, until the window has moved on."""
    others = tuple(
        OtherTry(at=FAILED_AT - (20 - number) * HOUR, card="pm_1", amount=AMOUNT, is_approved=False)
        for number in range(20)
    )
    decision = decide(history(CODES["wait_for_funds"], other_tries=others), fixed(deadline_days=60), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert decision.at == others[1].at + 30 * DAY


def test_a_persons_try_counts_at_the_network_and_is_no_rung() -> None:
    """The policy keeps all its tries; our own minimum of a day does not bind a person, the network's ceiling does."""
    asked_at = FAILED_AT + HOUR
    asked = history(CODES["generic"], events=(event(EventKind.RETRIED_NOW, asked_at),))
    decision = decide(asked, fixed(), asked_at)
    assert isinstance(decision, TryAgain)
    assert (decision.at, decision.is_rung) == (asked_at, False)
    after = after_try(asked, decision, CODES["generic"])
    again = decide(after, fixed(), asked_at)
    assert isinstance(again, TryAgain)
    assert again.at >= asked_at + DAY
    assert len(tries_of(after, fixed(), CODES["generic"])[0]) == 3


def test_all_tries_used_up_leaves_the_customer_until_the_deadline() -> None:
    """No try is left, but the link is still good: only the deadline ends it."""
    made, then, after = tries_of(history(), fixed(), CODES["wait_for_funds"])
    assert len(made) == 4
    assert isinstance(then, AskCustomer)
    assert then.why == "all tries are used up"
    end = decide(after, fixed(), then.until)
    assert isinstance(end, GiveUp)
    assert end.reason is Reason.TRIES_USED_UP


def test_a_deadline_with_tries_left_ends_it_all_the_same() -> None:
    """Nothing is tried after the deadline, however much is left."""
    late = deadline_of(history(), fixed())
    end = decide(history(), fixed(), late)
    assert isinstance(end, GiveUp)
    assert end.reason is Reason.DEADLINE
    assert isinstance(decide(history(), fixed(), late - timedelta(seconds=1)), TryAgain)


def test_an_approval_ends_it_well() -> None:
    """Nothing is tried after the money is there."""
    before = history()
    paid = before.having(tries=(*before.tries, tried(LATER, None)))
    end = decide(paid, default(), LATER)
    assert isinstance(end, GiveUp)
    assert end.is_recovered


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (EventKind.PAID, Reason.PAID),
        (EventKind.VOIDED, Reason.VOIDED),
        (EventKind.SUBSCRIPTION_CANCELLED, Reason.SUBSCRIPTION_CANCELLED),
        (EventKind.GIVEN_UP, Reason.GIVEN_UP),
    ],
)
def test_a_fact_or_a_command_ends_it_at_once(kind: EventKind, reason: Reason) -> None:
    """Whoever has paid elsewhere is not charged once more."""
    end = decide(history(events=(event(kind, LATER),)), default(), LATER)
    assert isinstance(end, GiveUp)
    assert (end.reason, end.is_recovered) == (reason, kind is EventKind.PAID)


def test_a_payment_after_it_was_given_up_still_ends_it_well() -> None:
    """What is paid late is recovered."""
    events = (event(EventKind.GIVEN_UP, LATER), event(EventKind.ENDED, LATER), event(EventKind.PAID, LATER + DAY))
    end = decide(history(events=events), default(), LATER + DAY)
    assert isinstance(end, GiveUp)
    assert end.is_recovered


def test_nothing_is_tried_while_a_try_is_not_decided() -> None:
    """Two tries under way could both succeed, and the customer would have paid twice."""
    before = history()
    undecided = tried(LATER, None, outcome=TryOutcome.UNDECIDED)
    pending = before.having(
        tries=(*before.tries, undecided), events=(event(EventKind.RETRIED_NOW, LATER + timedelta(minutes=1)),)
    )
    for hours in (0, 5, 6, 1000):
        decision = decide(pending, default(), LATER + hours * HOUR)
        assert isinstance(decision, Wait)
        assert decision.waiting_for is WaitingFor.OUTCOME
        assert decision.until > LATER + hours * HOUR


def test_what_may_be_paid_already_waits_for_a_person() -> None:
    """An answer such as "duplicate" tries no other card: the first may have paid."""
    backup = method("pm_2")
    doubtful = history(Answer(code="duplicate_transaction"), methods=[method(), backup])
    decision = decide(doubtful, default(), FAILED_AT)
    assert isinstance(decision, Wait)
    assert decision.waiting_for is WaitingFor.REVIEW


def test_without_any_method_the_customer_is_asked() -> None:
    """Nothing can be tried with nothing."""
    decision = decide(history(methods=[]), default(), FAILED_AT)
    assert isinstance(decision, AskCustomer)
    assert decision.why == "there is no payment method"


def test_backups_follow_at_once_and_in_the_customers_order() -> None:
    """Another card may pay now; it need not wait for the first one's payday. Each is one of the policy's tries."""
    three = [method("pm_1"), method("pm_2"), method("pm_3", gateway="paypal")]
    begun = history(methods=three)
    first = decide(begun, default(), FAILED_AT)
    assert isinstance(first, TryAgain)
    assert (first.method, first.at, first.is_rung) == ("pm_2", FAILED_AT, True)
    second = decide(after_try(begun, first, CODES["generic"]), default(), FAILED_AT)
    assert isinstance(second, TryAgain)
    assert (second.method, second.at) == ("pm_3", FAILED_AT)


def test_backups_wait_where_the_policy_says_so() -> None:
    """A customer's second card is not touched while the first may still pay, or at all."""
    two = [method("pm_1"), method("pm_2")]
    decision = decide(history(methods=two), fixed(backups=Backups.WHEN_UNUSABLE), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert decision.method == "pm_1"
    refused = history(CODES["never"], methods=two)
    decision = decide(refused, fixed(backups=Backups.WHEN_UNUSABLE), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert decision.method == "pm_2"
    assert isinstance(decide(refused, fixed(backups=Backups.NEVER), FAILED_AT), AskCustomer)


def test_the_same_card_at_another_gateway_is_no_backup_for_a_refusal() -> None:
    """Its issuer has said no: it is asked a day later, whoever asks."""
    both = [method("pm_1", fingerprint="card_a"), method("pm_2", fingerprint="card_a", gateway="paypal")]
    decision = decide(history(CODES["generic"], methods=both), fixed(), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert decision.at >= FAILED_AT + DAY


def test_the_same_card_at_another_gateway_is_a_way_around_a_technical_failure() -> None:
    """Nobody said no at the second one, and the first could not ask."""
    both = [method("pm_1", fingerprint="card_a"), method("pm_2", fingerprint="card_a", gateway="paypal")]
    decision = decide(history(CODES["technical"], methods=both), fixed(), FAILED_AT)
    assert isinstance(decision, TryAgain)
    assert (decision.method, decision.at) == ("pm_2", FAILED_AT)


def test_a_new_card_is_tried_at_once_and_uses_up_no_try() -> None:
    """Whoever gave a new card expects it to be charged now; the policy's tries are for what is tried without them."""
    used_up = tries_of(history(), fixed(), CODES["wait_for_funds"])[2]
    added_at = used_up.tries[-1].at + HOUR
    renewed = used_up.having(methods=(method("pm_2", added_at=added_at), *used_up.methods))
    decision = decide(renewed, fixed(), added_at)
    assert isinstance(decision, TryAgain)
    assert (decision.method, decision.at, decision.is_rung) == ("pm_2", added_at, False)


def test_a_replaced_card_is_tried_at_once_though_the_old_one_was_refused_for_ever() -> None:
    """A network's update, or the customer, put another card behind the token."""
    replaced_at = FAILED_AT + 4 * DAY
    before = history(CODES["never"])
    renewed = before.having(methods=(method(fingerprint="card_b", replaced_at=replaced_at),))
    decision = decide(renewed, default(), replaced_at)
    assert isinstance(decision, TryAgain)
    assert (decision.at, decision.is_rung) == (replaced_at, False)
    again = decide(after_try(renewed, decision, CODES["generic"]), default(), replaced_at)
    assert isinstance(again, TryAgain)
    assert again.is_rung


def test_renewed_data_does_not_bring_back_a_card_that_was_refused_for_ever() -> None:
    """A new expiry date on a stolen card is still a stolen card."""
    before = history(CODES["never"], methods=[method(fingerprint="card_a")])
    renewed = before.having(methods=(method(fingerprint="card_a", replaced_at=LATER),))
    assert isinstance(decide(renewed, default(), LATER), AskCustomer)


def test_a_removed_card_is_not_tried_any_more() -> None:
    """The customer took it away: it is theirs to take."""
    decision = decide(history(methods=[method(removed_at=FAILED_AT + HOUR)]), default(), FAILED_AT + HOUR)
    assert isinstance(decision, AskCustomer)
    assert decision.what is Need.NEW_METHOD


@pytest.mark.parametrize("code", ["auth", "funds"])
def test_a_customer_who_is_there_pays_at_once_whatever_holds_the_tries(code: str) -> None:
    """Only a customer can confirm with their bank; and a pause of ours is no reason to turn their money away."""
    asked_at = FAILED_AT + DAY
    paying = Event(at=asked_at, kind=EventKind.RETRIED_NOW, by="customer", method="pm_1", customer_present=True)
    paused = event(EventKind.PAUSED, FAILED_AT + HOUR, FAILED_AT + 20 * DAY)
    decision = decide(history(PAYING[code], events=(paused, paying)), default(), asked_at)
    assert isinstance(decision, TryAgain)
    assert (decision.at, decision.method, decision.purpose) == (asked_at, "pm_1", Purpose.CUSTOMER)


@pytest.mark.parametrize("code", ["never", "data"])
def test_a_card_that_no_customer_can_help_is_not_tried_in_their_presence(code: str) -> None:
    """A stolen or an expired card is what it is: another one is asked for."""
    asked_at = FAILED_AT + DAY
    paying = Event(at=asked_at, kind=EventKind.RETRIED_NOW, by="customer", method="pm_1", customer_present=True)
    decision = decide(history(PAYING[code], events=(paying,)), default(), asked_at)
    assert isinstance(decision, AskCustomer)


def test_a_customer_who_is_there_is_bound_by_the_networks_ceiling() -> None:
    """The network counts tries, whoever asked for them."""
    card = method(network="mastercard")
    others = tuple(
        OtherTry(at=FAILED_AT + number * HOUR, card="pm_1", amount=AMOUNT, is_approved=False) for number in range(1, 11)
    )
    asked_at = FAILED_AT + 12 * HOUR
    paying = Event(at=asked_at, kind=EventKind.RETRIED_NOW, by="customer", method="pm_1", customer_present=True)
    decision = decide(
        history(CODES["generic"], methods=[card], other_tries=others, events=(paying,)), default(), asked_at
    )
    assert isinstance(decision, TryAgain)
    assert decision.at == others[0].at + DAY


PAYING = {
    "auth": Answer(code="authentication_required"),
    "funds": Answer(code="insufficient_funds"),
    "never": Answer(code="stolen_card"),
    "data": Answer(code="expired_card"),
}
