"""Dunning as its tests speak to it: tries whose charges are answered as a gateway would, commands, and decisions of the real policy."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import text

from billing import (
    cards,
    dunning_books,
    dunning_commands,
    dunning_endings,
    dunning_history,
    methods,
    plan_books,
    subscription_books,
    try_books,
    wakes,
)
from billing.cards import Verdict
from billing.dunning import policy_file
from billing.dunning.decide import decide
from billing.dunning.decision import Decision, Purpose, Reason, TryAgain
from billing.dunning.history import Event, EventKind, History
from billing.dunning.policy import Edition, End, InvoiceEnd, Policy, SubscriptionEnd
from billing.dunning_books import Dunning
from billing.methods import Method, MethodRequest
from billing.plans import PlanTerms
from billing.subscriptions import SubscriptionRequest
from billing.tries import CardRests, Nothing
from ledger import charges, posting
from ledger.answers import GatewayAnswer
from ledger.charges import ChargeRequest, ChargeStatus
from ledger.money import Money
from tests.billing.books import Books
from tests.billing.owed_samples import ALICE, usd

FAILED_AT = datetime(2031, 11, 26, 9, tzinfo=UTC)
"""After whatever PostgreSQL's clock shows: a process may live in virtual time."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PROCESS = "process:dunning"
NO_MONEY = GatewayAnswer(network="visa", network_code="51", reached_issuer=True)


@cache
def edition() -> Edition:
    """The policies that the project ships."""
    return policy_file.read().editions[-1]


def ending(subscription: SubscriptionEnd, invoice: InvoiceEnd, version: str = "t1") -> Edition:
    """The same with another end."""
    [standard] = edition().policies
    changed = standard.model_copy(update={"end": End(subscription=subscription, invoice=invoice)})
    return edition().model_copy(update={"version": version, "policies": (changed,)})


class Recovery(Books):
    """Steps of dunning against one database."""

    async def method(self, method_id: str = "pm_1", customer_id: str = "cus_1", **changes: Any) -> Method:
        """Add a card at Stripe."""
        fields: dict[str, Any] = {"method_id": method_id, "customer_id": customer_id, "gateway": "stripe"}
        fields |= {"token": f"tok_{method_id}", "brand": "visa", "country": "US", "fingerprint": f"fp_{method_id}"}
        request = MethodRequest(**fields | {"mandate_reference": "mandate_1", "actor": ALICE} | changes)
        return (await self.step(lambda books: methods.add(books, request)))[0]

    async def subscribe(self, starts_on: str = "2031-11-26") -> None:
        """Subscribe the customer to a plan."""
        plan = {"plan_id": "pro", "name": "Pro", "amount": usd(1900), "interval": {"unit": "month"}, "actor": ALICE}
        asked = {"subscription_id": "sub_1", "customer_id": "cus_1", "plan_id": "pro", "starts_on": starts_on}
        await self.step(lambda books: plan_books.add(books, PlanTerms.model_validate(plan)))
        request = SubscriptionRequest.model_validate(asked | {"actor": ALICE})
        await self.step(lambda books: subscription_books.start(books, request))

    async def bill(self) -> str:
        """Issue the invoice of the subscription's period."""
        drafted = await self.step(lambda books: subscription_books.bill(books, "sub_1", actor=ALICE))
        assert drafted is not None
        await self.finalize(drafted.invoice_id)
        return drafted.invoice_id

    async def subscription(self) -> str:
        """How the subscription stands."""
        return str((await self.step(lambda books: subscription_books.known(books, "sub_1"))).state)

    async def attempt(
        self, invoice_id: str = "in_1", method_id: str = "pm_1", purpose: Purpose = Purpose.RUNG, **changes: Any
    ) -> ChargeRequest | CardRests | Nothing:
        """Begin a try."""
        asked: dict[str, Any] = {"now": FAILED_AT} | changes
        return await self.step(
            lambda books: try_books.begin_try(books, invoice_id, method_id=method_id, purpose=purpose, **asked)
        )

    async def begun(self, *args: Any, **changes: Any) -> ChargeRequest:
        """Begin a try that has to begin."""
        request = await self.attempt(*args, **changes)
        assert isinstance(request, ChargeRequest), request
        await self.step(lambda books: charges.open_charge(books, request, "stripe", "the only one"))
        return request

    async def decline(
        self, charge_id: str, code: str = "insufficient_funds", answer: GatewayAnswer = NO_MONEY, **verdict: Any
    ) -> None:
        """Let the gateway say no, as the charge's process writes it."""
        told = {"status": ChargeStatus.DECLINED, "decline_code": code, "answer": answer.document()}
        await self.stand(charge_id, told)
        settled = Verdict(**{"approved": False, "at_network": True, "technical": False} | verdict)
        await self.step(lambda books: cards.settle(books, f"{charge_id}:capture:1", settled))

    async def stand(self, charge_id: str, changes: dict[str, Any]) -> None:
        """Change how a charge stands."""
        await self.step(lambda books: charges.change(books, charge_id, changes))

    async def capture(self, request: ChargeRequest) -> Money | None:
        """Let the gateway take the money, and apply it; what is left over."""
        await self.take(request)
        return await self.step(lambda books: try_books.apply(books, request.charge_id, actor=PROCESS))

    async def take(self, request: ChargeRequest) -> None:
        """Let the gateway take the money, as the charge's process writes it; it is not applied to any invoice yet."""
        amount_minor = request.amount.amount_minor
        taken = {"status": ChargeStatus.CAPTURED, "authorized_minor": amount_minor, "captured_minor": amount_minor}
        await self.stand(request.charge_id, taken)
        await self._post(posting.captured(self._fact(request, "capture:1", amount_minor)))
        settled = Verdict(approved=True, at_network=True, technical=False)
        await self.step(lambda books: cards.settle(books, f"{request.charge_id}:capture:1", settled))

    async def fail(
        self, invoice_id: str = "in_1", at: datetime = FAILED_AT, by: Edition | None = None, **answer: Any
    ) -> Dunning:
        """Let the first collection be declined, and begin dunning."""
        request = await self.begun(invoice_id, purpose=Purpose.FIRST, now=at)
        await self.decline(request.charge_id, **answer)
        return await self.dun(invoice_id, at, by)

    async def dun(self, invoice_id: str = "in_1", at: datetime = FAILED_AT, by: Edition | None = None) -> Dunning:
        """Begin dunning."""
        return await self.step(
            lambda books: dunning_books.begin(
                books, invoice_id, by or edition(), failed_at=at, now=at, actor="process:subscription"
            )
        )

    async def note(
        self, kind: EventKind, at: datetime = FAILED_AT + HOUR, invoice_id: str = "in_1", **more: Any
    ) -> Dunning:
        """Command something."""
        options: dict[str, Any] = {"because": "asked"}
        options |= {name: more.pop(name) for name in ("because", "policies") if name in more}
        event = Event(**{"kind": kind, "at": at, "by": ALICE} | more)
        return await self.step(lambda books: dunning_commands.note(books, invoice_id, event, **options))

    async def end(
        self, invoice_id: str = "in_1", reason: Reason = Reason.DEADLINE, at: datetime | None = None
    ) -> Dunning:
        """End dunning by its policy."""
        policy = await self.policy(invoice_id)
        return await self.step(
            lambda books: dunning_endings.end(
                books, invoice_id, reason=reason, policy=policy, now=at or FAILED_AT + 30 * DAY, actor=PROCESS
            )
        )

    async def policy(self, invoice_id: str = "in_1") -> Policy:
        dunning = await self.dunning(invoice_id)
        return await self.step(lambda books: dunning_books.policy_of(books, dunning))

    async def dunning(self, invoice_id: str = "in_1") -> Dunning:
        return await self.step(lambda books: dunning_books.known(books, invoice_id))

    async def history(self, invoice_id: str = "in_1") -> History:
        dunning = await self.dunning(invoice_id)
        return await self.step(lambda books: dunning_history.history(books, dunning))

    async def decision(self, now: datetime, invoice_id: str = "in_1") -> Decision:
        """What the policy says now."""
        return decide(await self.history(invoice_id), await self.policy(invoice_id), now)

    async def next_try(self, now: datetime, invoice_id: str = "in_1") -> TryAgain:
        """The next try, which there has to be."""
        found = await self.decision(now, invoice_id)
        assert isinstance(found, TryAgain), found
        return found

    async def woken(self) -> set[str]:
        """Take all wakes away: whom they were for."""
        taken = await self.step(lambda books: wakes.take(books, 1000))
        return {f"{wake.process}/{wake.subject}" for wake in taken}

    async def told(self) -> Sequence[tuple[str, str]]:
        """Kind and subject of all events, in order."""
        found = await self.step(lambda books: books.execute(text("SELECT kind, subject FROM events ORDER BY event_id")))
        return [tuple(row) for row in found]
