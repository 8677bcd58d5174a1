"""The demo's scenario: 200 charges made of the stories, each with what is done and how it must stand at the end.

The same every time: amounts, customers and order come from a generator with a fixed seed.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from ledger.charges import CaptureMode, ChargeRequest, ChargeStatus
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from local.demo_stories import PAYPAL, STRIPE, Act, Step, Story

SEED = 200
CUSTOMERS = 60
CHECKOUT = "program:checkout"

GATEWAYS = {"stripe": "Stripe", "paypal": "PayPal"}
"""Each gateway's name as people write it."""
CURRENCIES = {
    "stripe": ("USD", "EUR", "JPY", "GBP", "KWD", "USD", "CHF"),
    "paypal": ("USD", "EUR", "JPY", "GBP", "HUF", "USD", "AUD"),
}
PRICES_MINOR = {
    "USD": range(500, 25_000),
    "EUR": range(450, 23_000),
    "GBP": range(400, 20_000),
    "CHF": range(450, 22_000),
    "AUD": range(750, 38_000),
    "JPY": range(700, 38_000),
    # Stripe's three-decimal amounts end in 0, and PayPal takes whole forints only.
    "KWD": range(1_500, 77_000, 10),
    "HUF": range(180_000, 9_000_000, 100),
}
"""What things cost in the shop, in minor units, in steps that the gateways can write."""


@dataclass(frozen=True)
class PlannedStep:
    """A step of one charge; without an amount, about all that is left."""

    act: Act
    amount_minor: int | None = None


@dataclass(frozen=True)
class ExpectedOperation:
    """An operation as it must stand in the books at the end."""

    name: str
    """Its operation id after the charge's, such as `capture:1`."""
    amount_minor: int
    outcome: str = "succeeded"
    decline_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a charge must stand at the end; amounts in minor units of its currency."""

    gateway: str
    status: ChargeStatus
    decline_code: str | None
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    operations: tuple[ExpectedOperation, ...]


@dataclass(frozen=True)
class PlannedCharge:
    """A charge of the scenario."""

    story: Story
    request: ChargeRequest
    steps: tuple[PlannedStep, ...]
    ending: Ending

    @property
    def charge_id(self) -> str:
        """Its id, `demo-001` to `demo-200`."""
        return self.request.charge_id


def plan() -> tuple[PlannedCharge, ...]:
    """Make the scenario, in the order in which its charges are started."""
    chance = random.Random(SEED)  # noqa: S311 # prices in a made-up shop
    turns = {gateway: cycle(currencies) for gateway, currencies in CURRENCIES.items()}
    told = [
        (story, story.currency or next(turns[story.gateway]))
        for story in (*STRIPE, *PAYPAL)
        for _ in range(story.count)
    ]
    chance.shuffle(told)
    return tuple(
        _planned(f"demo-{number:03}", story, currency, chance) for number, (story, currency) in enumerate(told, start=1)
    )


def most_eventful(plan: Sequence[PlannedCharge]) -> PlannedCharge:
    """Choose a charge with much to see in the Web UI."""
    return max(plan, key=lambda planned: (len(planned.steps) + len(planned.ending.operations), planned.charge_id))


def _planned(charge_id: str, story: Story, currency: str, chance: random.Random) -> PlannedCharge:
    prices = PRICES_MINOR[currency]
    amount_minor = chance.choice(prices)
    methods = [PaymentMethod(gateway=story.gateway, token=story.token)]
    if story.rather is not None:
        methods.append(PaymentMethod(gateway=story.rather[0], token=story.rather[1]))
    request = ChargeRequest(
        charge_id=charge_id,
        amount=Money(amount_minor=amount_minor, currency=currency),
        customer=f"cus_{chance.randint(1, CUSTOMERS):03}",
        payment_methods=tuple(methods),
        capture=CaptureMode.MANUAL if story.manual else CaptureMode.AUTOMATIC,
        gateway=story.rather[0] if story.rather else None,
        metadata={"story": story.name},
        actor=CHECKOUT,
    )
    return PlannedCharge(story, request, *_course(story, amount_minor, prices.step))


def _course(story: Story, amount_minor: int, step_minor: int) -> tuple[tuple[PlannedStep, ...], Ending]:
    """Turn percents into amounts, and follow the money to where it must be at the end."""
    held_minor = 0 if story.ends_as is ChargeStatus.DECLINED else amount_minor
    captured_minor, refunded_minor = 0 if story.manual else held_minor, 0
    steps: list[PlannedStep] = []
    operations = _attempts(story, amount_minor)
    for step in story.steps:
        whole_minor = captured_minor - refunded_minor if step.act is Act.REFUND else held_minor
        part_minor = whole_minor * step.percent // 100 // step_minor * step_minor
        steps.append(PlannedStep(step.act, None if step.percent == 100 else part_minor))
        operations += _operation(step, part_minor, operations)
        if step.decline_code is None:
            captured_minor += part_minor if step.act is Act.CAPTURE else 0
            refunded_minor += part_minor if step.act is Act.REFUND else 0
    ending = Ending(
        gateway=story.gateway,
        status=story.ends_as,
        decline_code=story.decline_code,
        authorized_minor=held_minor,
        captured_minor=captured_minor,
        refunded_minor=refunded_minor,
        operations=tuple(operations),
    )
    return tuple(steps), ending


def _attempts(story: Story, amount_minor: int) -> list[ExpectedOperation]:
    kind = "authorize" if story.manual else "capture"
    first = [
        ExpectedOperation(f"{kind}:{number}", amount_minor, "declined", code)
        for number, code in enumerate(story.declined_first, start=1)
    ]
    name = f"{kind}:{len(first) + 1}"
    if story.ends_as is ChargeStatus.DECLINED:
        return [*first, ExpectedOperation(name, amount_minor, "declined", story.decline_code)]
    return [*first, ExpectedOperation(name, amount_minor)]


def _operation(step: Step, amount_minor: int, before: list[ExpectedOperation]) -> Iterator[ExpectedOperation]:
    """Expect one operation for each act of the shop; the customer's acts belong to the first operation."""
    if step.act not in {Act.CAPTURE, Act.VOID, Act.REFUND}:
        return
    number = 1 + sum(operation.name.startswith(f"{step.act}:") for operation in before)
    outcome = "succeeded" if step.decline_code is None else "declined"
    yield ExpectedOperation(f"{step.act}:{number}", amount_minor, outcome, step.decline_code)
