"""Charges to route, gateways to choose from, and outcomes to learn from."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.port import Capabilities
from gateways.routing import policy_file
from gateways.routing.ask import Method, RoutingAsk
from gateways.routing.policy import Policy
from gateways.routing.sliding import Outcome, SlidingOutcomes
from gateways.routing.windows import OutcomeClass, Windows
from ledger.money import Money

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
STRIPE = Capabilities(
    currencies={"USD": 2, "EUR": 2, "JPY": 0, "KWD": 2}, minimum_minor={"USD": 50}, key_life_seconds=86_400
)
PAYPAL = Capabilities(currencies={"USD": 2, "EUR": 2, "JPY": 0}, key_life_seconds=21_600)
ADYEN = Capabilities(currencies={"USD": 2, "EUR": 2}, key_life_seconds=21_600)
BOTH: Mapping[str, Capabilities] = {"stripe": STRIPE, "paypal": PAYPAL}
THREE: Mapping[str, Capabilities] = {**BOTH, "adyen": ADYEN}


def ask(amount: str = "10", currency: str = "USD", methods: Iterable[str | Method] = THREE, **more: Any) -> RoutingAsk:
    """Ask for a gateway; a payment method is a gateway's name where nothing else matters."""
    read = tuple(method if isinstance(method, Method) else Method(gateway=method) for method in methods)
    fields = {"charge_id": "ch_1", "customer": "cus_1", "at": NOW, "methods": read}
    return RoutingAsk.model_validate({**fields, "amount": Money.parse(amount, currency), **more})


def policy(rules: str = "", *, order: str = "[stripe, paypal, adyen]", more: str = "") -> Policy:
    """Read one edition; `rules` and `more` are lines of YAML."""
    text = f"editions:\n  - version: v1\n    effective_from: 2026-01-01\n    fallback_order: {order}\n"
    text += "".join(f"    {line}\n" for line in more.splitlines())
    text += "    rules:\n" + "".join(f"      {line}\n" for line in rules.splitlines()) if rules else ""
    return policy_file.parse(text, "policy.yaml", THREE).editions[0]


def lately(*counts: tuple[str, str, int], **card: str) -> Windows:
    """Count outcomes of USD charges, such as ("stripe", "approved", 30), one a second, the last of them a minute ago."""
    sliding = SlidingOutcomes(timedelta(hours=1))
    classes = [(gateway, word) for gateway, word, count in counts for _ in range(count)]
    start = NOW - timedelta(seconds=60 + len(classes))
    sliding.add(
        Outcome(start + timedelta(seconds=number), f"op_{number}", gateway, OutcomeClass(word), "USD", **card)
        for number, (gateway, word) in enumerate(classes)
    )
    return sliding.at(NOW)
