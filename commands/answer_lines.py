"""What a gateway told beside an outcome, in words for people: whose code is which, and what is known of the card."""

from ledger.answers import GatewayAnswer

ISSUER = {True: "the issuer was asked", False: "the issuer was not asked"}


def codes(answer: GatewayAnswer | None) -> str:
    """Say the codes of a decline by who gave them; empty where there are none."""
    if answer is None:
        return ""
    network = (answer.network if answer.network_code or answer.network_advice else None, answer.network_code)
    parts = (
        _said("network", *network, _advice(answer.network_advice)),
        _said("gateway", answer.gateway_code, _advice(answer.advice)),
        "" if answer.reached_issuer is None else ISSUER[answer.reached_issuer],
    )
    return "; ".join(part for part in parts if part)


def card(answer: GatewayAnswer | None) -> str:
    """Say what is known of the card; empty where nothing is."""
    facts = answer.card if answer else None
    if facts is None:
        return ""
    parts = (
        " ".join(word for word in (facts.brand, facts.funding) if word),
        f"issued in {facts.country}" if facts.country else "",
        f"valid until {facts.expires}" if facts.expires else "",
        f"fingerprint {facts.fingerprint}" if facts.fingerprint else "",
    )
    return ", ".join(part for part in parts if part)


def _said(who: str, *parts: str | None) -> str:
    told = [part for part in parts if part]
    return " ".join([who, *told]) if told else ""


def _advice(code: str | None) -> str | None:
    return f"advises {code}" if code else None
