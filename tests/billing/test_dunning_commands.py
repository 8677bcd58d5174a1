"""Commands of people: kept with who and why, refused where they contradict how it stands, and never given twice."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from billing import dunning_events, methods
from billing.dunning import policy_file
from billing.dunning.commands import MOST_COMMANDS, why_not
from billing.dunning.decision import AskCustomer, GiveUp, Purpose, Reason, Wait, WaitingFor
from billing.dunning.history import Event, EventKind
from billing.dunning.policy import InvoiceEnd, SubscriptionEnd
from billing.errors import ChangeRefused, UnknownId
from ledger.answers import GatewayAnswer
from tests.billing.dunning.histories import default, history
from tests.billing.owed_samples import ALICE
from tests.billing.recovery import DAY, FAILED_AT, HOUR, Recovery, ending

SOON = FAILED_AT + HOUR
PAUSE_UNTIL = SOON + 3 * DAY
Kinds = list[tuple[EventKind, datetime | None]]


async def test_a_command_is_kept_with_who_and_why_and_wakes_the_process(recovery: Recovery) -> None:
    """Whoever looks later sees whose decision it was; the process looks at once."""
    await recovery.fail()
    await recovery.woken()
    await recovery.note(EventKind.PAUSED, until=PAUSE_UNTIL, because="asked by phone")
    assert await recovery.woken() == {"dunning/in_1"}
    [command] = await recovery.step(lambda books: dunning_events.commands_of(books, "in_1"))
    assert (command.kind, command.by, command.because) == (EventKind.PAUSED, ALICE, "asked by phone")
    assert (await recovery.told())[-1] == ("dunning.paused", "invoice/in_1")
    held = await recovery.decision(SOON + HOUR)
    assert isinstance(held, Wait)
    assert (held.until, held.waiting_for) == (PAUSE_UNTIL, WaitingFor.PAUSE)


REFUSED: list[tuple[str, Kinds, tuple[EventKind, datetime | None], str]] = [
    ("resume nothing", [], (EventKind.RESUMED, None), "neither paused nor waits for a promise: there is nothing to resume"),
    ("resume after a resume", [(EventKind.PAUSED, PAUSE_UNTIL), (EventKind.RESUMED, None)], (EventKind.RESUMED, None), "nothing to resume"),
    ("resume a hold", [(EventKind.LEGAL_HOLD_BEGAN, None)], (EventKind.RESUMED, None), "what holds it is a legal hold, and no pause: end the legal hold first"),
    ("pause for years", [], (EventKind.PAUSED, SOON + 181 * DAY), "is over 180 days: give a time up to"),
    ("promise for years", [], (EventKind.PROMISED, SOON + 200 * DAY), "is over 180 days: give a time up to"),
    ("extend for years", [], (EventKind.EXTENDED, SOON + 200 * DAY), "is over 180 days: give a time up to"),
    ("extend to before the deadline", [], (EventKind.EXTENDED, FAILED_AT + 30 * DAY), "its deadline is 2031-12-26 09:00 UTC already: extend it until later"),
    ("extend to before the extended deadline", [(EventKind.EXTENDED, FAILED_AT + 40 * DAY)], (EventKind.EXTENDED, FAILED_AT + 35 * DAY), "its deadline is 2032-01-05 09:00 UTC already"),
    ("try under a legal hold", [(EventKind.LEGAL_HOLD_BEGAN, None)], (EventKind.RETRIED_NOW, None), "under a legal hold, in which nothing is tried: end the legal hold first"),
    ("two legal holds", [(EventKind.LEGAL_HOLD_BEGAN, None)], (EventKind.LEGAL_HOLD_BEGAN, None), "under a legal hold since .* already"),
    ("end no legal hold", [], (EventKind.LEGAL_HOLD_ENDED, None), "under no legal hold to end"),
    ("give up twice", [(EventKind.GIVEN_UP, None)], (EventKind.GIVEN_UP, None), "it was given up, so that it takes no command any more"),
    ("pause what is given up", [(EventKind.GIVEN_UP, None)], (EventKind.PAUSED, PAUSE_UNTIL), "it was given up, so that it takes no command any more"),
    ("say that it is paid", [], (EventKind.PAID, None), "paid is no command: that is known from what happened"),
    ("say that it ended", [], (EventKind.ENDED, None), "ended is no command"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "asked", "why"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
async def test_a_command_that_contradicts_how_it_stands_is_refused(
    recovery: Recovery, before: Kinds, asked: tuple[EventKind, datetime | None], why: str
) -> None:
    """One clear line, and nothing is written."""
    await recovery.fail()
    for minutes, (kind, until) in enumerate(before):
        await recovery.note(kind, FAILED_AT + minutes * HOUR / 60, until=until)
    told = await recovery.told()
    with pytest.raises(ChangeRefused, match=f"dunning in_1: .*{why}"):
        await recovery.note(asked[0], SOON, until=asked[1])
    assert await recovery.told() == told
    assert len(await recovery.step(lambda books: dunning_events.commands_of(books, "in_1"))) == len(before)


def test_a_time_that_is_over_is_refused_as_it_is_given() -> None:
    """Before anything is asked of the books."""
    for kind in (EventKind.PAUSED, EventKind.PROMISED, EventKind.EXTENDED):
        with pytest.raises(ValidationError, match=f"{kind} until a time that is over: give one that is still to come"):
            Event(at=SOON, kind=kind, until=SOON, by=ALICE)


async def test_a_try_at_once_needs_something_that_may_be_tried(recovery: Recovery) -> None:
    """Undecided, never, gone, or after the deadline: the person is told what is in the way."""
    await recovery.fail()
    request = await recovery.begun(purpose=Purpose.COMMAND, now=SOON)
    with pytest.raises(ChangeRefused, match="a try is not decided yet: wait for its outcome"):
        await recovery.note(EventKind.RETRIED_NOW, SOON)
    await recovery.decline(request.charge_id)
    with pytest.raises(ChangeRefused, match="payment method pm_9 is gone, or is not the customer's"):
        await recovery.note(EventKind.RETRIED_NOW, SOON, method="pm_9")
    with pytest.raises(ChangeRefused, match=r"its deadline was 2031-12-26 09:00 UTC: nothing is tried any more"):
        await recovery.note(EventKind.RETRIED_NOW, FAILED_AT + 31 * DAY)
    await recovery.note(EventKind.RETRIED_NOW, SOON + HOUR, method="pm_1")
    await recovery.step(lambda books: methods.mark_never(books, "pm_1", "stolen"))
    with pytest.raises(
        ChangeRefused, match=r"pm_1 may not be tried \(the card was refused for ever\): ask the customer"
    ):
        await recovery.note(EventKind.RETRIED_NOW, SOON + 2 * HOUR)
    await recovery.step(lambda books: methods.remove(books, "pm_1", actor=ALICE))
    with pytest.raises(ChangeRefused, match="the customer has no payment method: ask for one"):
        await recovery.note(EventKind.RETRIED_NOW, SOON + 2 * HOUR)


async def test_only_a_customer_who_is_there_can_confirm_with_their_bank(recovery: Recovery) -> None:
    """A person of ours cannot; the customer behind the link can."""
    asked = GatewayAnswer(reached_issuer=True)
    await recovery.fail(code="authentication_required", answer=asked)
    with pytest.raises(ChangeRefused, match="payment method pm_1 may not be tried"):
        await recovery.note(EventKind.RETRIED_NOW, SOON)
    await recovery.note(EventKind.RETRIED_NOW, SOON, by="customer", method="pm_1", customer_present=True)
    [command] = await recovery.step(lambda books: dunning_events.commands_of(books, "in_1"))
    assert (command.by, command.method_id) == ("customer", "pm_1")


async def test_a_charge_that_may_have_been_paid_is_looked_at_first(recovery: Recovery) -> None:
    """The gateway's answer leaves it open: no command tries again before a person has looked."""
    await recovery.fail(code="duplicate_transaction", answer=GatewayAnswer(reached_issuer=True))
    with pytest.raises(ChangeRefused, match="may mean that it is paid already"):
        await recovery.note(EventKind.RETRIED_NOW, SOON)


async def test_the_same_command_again_is_the_same(recovery: Recovery) -> None:
    """An answer that was lost is asked for again: it is no second command, and is not refused for itself."""
    await recovery.fail()
    for _ in range(2):
        await recovery.note(EventKind.GIVEN_UP, SOON)
    assert len(await recovery.step(lambda books: dunning_events.commands_of(books, "in_1"))) == 1
    given_up = await recovery.decision(SOON)
    assert isinstance(given_up, GiveUp)
    assert given_up.reason is Reason.GIVEN_UP


async def test_two_that_give_up_at_once_give_up_once(recovery: Recovery) -> None:
    """Commands follow each other under the lock: the second sees the first, and is told so."""
    await recovery.fail()
    both = await asyncio.gather(
        *(recovery.note(EventKind.GIVEN_UP, SOON, by=f"person:{name}") for name in ("alice", "bob", "carol")),
        return_exceptions=True,
    )
    refused = [each for each in both if isinstance(each, ChangeRefused)]
    assert len(refused) == 2
    assert "it was given up" in str(refused[0])


async def test_nothing_is_commanded_of_what_ended_or_never_began(recovery: Recovery) -> None:
    """A finished process, and an unknown invoice."""
    with pytest.raises(UnknownId, match="there is no dunning in_1: check the id with `dunning list`"):
        await recovery.note(EventKind.PAUSED, until=PAUSE_UNTIL)
    await recovery.fail()
    await recovery.end()
    for kind in (EventKind.RETRIED_NOW, EventKind.GIVEN_UP, EventKind.LEGAL_HOLD_BEGAN):
        with pytest.raises(ChangeRefused, match=r"it ended at 2031-12-26 09:00 UTC \(deadline\), and takes no command"):
            await recovery.note(kind, FAILED_AT + 31 * DAY)


async def test_a_command_after_a_payment_says_that_it_is_paid(recovery: Recovery) -> None:
    """The process has not ended yet, and the fact is there already."""
    await recovery.fail()
    await recovery.pay(1900)
    with pytest.raises(ChangeRefused, match="the invoice is paid, so that it takes no command any more"):
        await recovery.note(EventKind.PAUSED, until=PAUSE_UNTIL)


async def test_somebody_gives_each_command(recovery: Recovery) -> None:
    """A command of nobody's is none."""
    await recovery.fail()
    with pytest.raises(ChangeRefused, match="nobody is named for given_up: say whose command it is"):
        await recovery.note(EventKind.GIVEN_UP, by=None)


async def test_it_goes_by_another_policy_from_then_on(recovery: Recovery) -> None:
    """A running process keeps its edition until somebody moves it, to one that there is."""
    dunning = await recovery.fail()
    other = ending(SubscriptionEnd.MARK_UNPAID, InvoiceEnd.WRITE_OFF)
    file = policy_file.read()
    both = file.model_copy(update={"editions": (*file.editions, other)})
    moved: dict[str, Any] = {"policies": both}
    with pytest.raises(ChangeRefused, match="it goes by 2026-11/standard already: name another policy"):
        await recovery.note(EventKind.MOVED_TO_POLICY, policy=dunning.policy, **moved)
    with pytest.raises(
        ChangeRefused, match="there is no dunning policy t1/other: use one of 2026-11/standard, t1/standard"
    ):
        await recovery.note(EventKind.MOVED_TO_POLICY, policy="t1/other", **moved)
    with pytest.raises(ChangeRefused, match="no dunning goes by a policy t1/standard: name one as version/name"):
        await recovery.note(EventKind.MOVED_TO_POLICY, policy="t1/standard")
    assert (await recovery.note(EventKind.MOVED_TO_POLICY, policy="t1/standard", **moved)).policy == "t1/standard"
    assert (await recovery.policy()).end.subscription is SubscriptionEnd.MARK_UNPAID


async def test_a_promise_that_is_kept_waits_and_then_tries(recovery: Recovery) -> None:
    """The customer named a day: nothing before it, and a try on it."""
    await recovery.fail()
    await recovery.note(EventKind.PROMISED, until=SOON + 5 * DAY, by="person:bob")
    assert isinstance(await recovery.decision(SOON + DAY), Wait)
    assert (await recovery.next_try(SOON + 5 * DAY)).at == SOON + 5 * DAY
    await recovery.note(EventKind.RESUMED, SOON + DAY)
    assert not isinstance(await recovery.decision(SOON + 2 * DAY), (Wait, AskCustomer))


def test_commands_have_a_limit() -> None:
    """Whoever gives hundreds of them has lost the way."""
    events = tuple(Event(at=SOON, kind=EventKind.RETRIED_NOW, by=ALICE) for _ in range(MOST_COMMANDS))
    asked = Event(at=SOON, kind=EventKind.GIVEN_UP, by=ALICE)
    assert why_not(history(events=events), default(), asked) == (
        "it has taken 500 commands, which is the most: give it up, or collect the invoice by hand"
    )
