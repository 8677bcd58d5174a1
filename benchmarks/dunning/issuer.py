"""What is answered to a try: by the gateway, the network and the issuer, from what is hidden and from luck.

The luck of a moment is that of the case and the time, so that it is the same for whoever tries then.
"""

from bisect import bisect_left
from datetime import UTC, datetime
from typing import NamedTuple

from benchmarks.dunning.hidden import Hidden
from benchmarks.dunning.luck import SLOT_SECONDS, Luck, chosen, share
from benchmarks.dunning.networks import networks
from benchmarks.dunning.seen import Answer
from benchmarks.dunning.worlds import World

APPROVED = Answer(succeeded=True)
UNREACHABLE = Answer(succeeded=False, reached_network=False, code="gateway_unreachable")
SOON_SECONDS = 24 * 3600
NIGHT_ENDS_HOUR = 6
ADVISED_WAITS = ((1, "24"), (24, "25"), (48, "26"), (96, "27"), (144, "28"), (192, "29"), (240, "30"))
"""Hours, and the advice that says so."""


class Ask(NamedTuple):
    """A try as it comes to the issuer."""

    at: float
    declines: int
    """Of this card before, for this invoice; with the first failure."""
    declined_at: float
    """When the last of them was."""
    from_customer: bool = False
    """Whether the card is one that the customer gave since."""
    updated: bool = False
    """Whether the card is one that the network sent since."""


def answer(world: World, case: Hidden, ask: Ask) -> Answer:
    """Answer a try."""
    if any(begin <= ask.at < end for begin, end in case.outages):
        return UNREACHABLE
    standing = cause(world, case, ask)
    if standing is None:
        return APPROVED
    return declined(world, case, ask.at, standing)


def declined(world: World, case: Hidden, at: float, standing: str) -> Answer:
    """Return a decline for a cause, as the gateway shows it."""
    slot, what = int(at // SLOT_SECONDS), _number(standing)
    is_typical = share(case.key, Luck.IS_TYPICAL, slot, what) < world.typical_code
    drawn = share(case.key, Luck.CODE_OF_CASE, what) if is_typical else share(case.key, Luck.CODE, slot, what)
    code = chosen(world.codes[standing], drawn)
    return networks().shown(case.gateway, code, _advice(world, case, at, standing, code))


def cause(world: World, case: Hidden, ask: Ask) -> str | None:
    """Say what stands in the way at this moment; None where it is approved."""
    luck = share(case.key, Luck.APPROVAL, int(ask.at // SLOT_SECONDS), ask.from_customer + 2 * ask.updated)
    if not ask.from_customer:
        if _stands(case, ask):
            return case.cause
        if case.cause in {"authentication", "risk"}:
            chance = world.authentication_passes if case.cause == "authentication" else _risk(world, case, ask)
            return None if luck < chance else case.cause
    return None if luck < world.clear_chance * world.clear_falls_by**ask.declines else "risk"


def _stands(case: Hidden, ask: Ask) -> bool:
    """Whether the cause leaves nothing to luck at this moment."""
    match case.cause:
        case "funds":
            return case.money is None or not case.money.covers(ask.at)
        case "technical" | "lifecycle":
            return not ask.updated and (case.ends_at is None or ask.at < case.ends_at)
        case other:
            return other == "hard"


def _risk(world: World, case: Hidden, ask: Ask) -> float:
    chance: float = case.risk_chance * world.risk_falls_by ** (ask.declines - 1)
    if ask.at - ask.declined_at < SOON_SECONDS:
        chance *= world.risk_soon_factor
    if datetime.fromtimestamp(ask.at, UTC).astimezone(case.zone).hour < NIGHT_ENDS_HOUR:
        chance *= world.risk_night_factor
    return chance


def _advice(world: World, case: Hidden, at: float, standing: str, code: str) -> str | None:
    """Return Mastercard's advice, on some of the declines; hard ones go on as the case began."""
    slot = int(at // SLOT_SECONDS)
    if case.network != "mastercard" or share(case.key, Luck.ADVICE, 0) >= world.advice_share:
        return None
    kind = chosen(world.advice[standing], share(case.key, Luck.ADVICE, 1, _number(standing)))
    if kind == "01" and case.ends_at is None:
        return None
    if kind != "wait":
        return kind
    if code != "51" or case.country not in world.wait_countries or case.money is None:
        return "02"
    comes = case.money.covers_from(at)
    hours = (comes - at) / 3600 if comes is not None else float(ADVISED_WAITS[-1][0])
    off = 2.0 ** (world.wait_sigma * 4 * (share(case.key, Luck.ADVISED_WAIT, slot) - 0.5))
    place = bisect_left([wait for wait, _ in ADVISED_WAITS], hours * off)
    return ADVISED_WAITS[min(place, len(ADVISED_WAITS) - 1)][1]


def _number(word: str) -> int:
    return int.from_bytes(word.encode()[:7], "big")
