"""Whether a gateway is up, as our own outcomes tell: out after a run or a share of outages, half open after a pause."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.routing.lot import MILLION, falls_within
from gateways.routing.settings import Outages
from gateways.routing.windows import Windows


@dataclass(frozen=True)
class Up:
    """It is taken as able."""


@dataclass(frozen=True)
class Down:
    """It gets no charge while another gateway can take it."""

    why: str
    """As the end of a sentence that starts with the gateway's name."""


@dataclass(frozen=True)
class Probe:
    """It was down, and this charge is among those that try it again."""

    why: str


Health = Up | Down | Probe


def health_of(gateway: str, charge_id: str, windows: Windows, settings: Outages, at: datetime) -> Health:
    """Judge a gateway for one charge; the same charge is a probe or is none, in every process."""
    why = _outage(gateway, windows, settings)
    if why is None:
        return Up()
    last = windows.run(gateway).last_outage_at
    if last is not None and at - last < timedelta(seconds=settings.cool_off_seconds):
        return Down(why)
    if falls_within(charge_id, f"probe:{gateway}", int(settings.probe_share * MILLION)):
        return Probe(why)
    return Down(why)


def _outage(gateway: str, windows: Windows, settings: Outages) -> str | None:
    run = windows.run(gateway)
    if run.outages >= settings.down_after:
        return f"is down: {run.outages} outages in a row"
    tally = windows.tally(gateway)
    enough = tally.total >= settings.minimum_outcomes
    # Whole numbers: technical / count >= share, without a division.
    often = tally.technical * MILLION >= int(settings.down_share * MILLION) * tally.total
    if enough and often and run.answers < settings.down_after:
        return f"is down: {tally.technical} outages in {tally.total} attempts"
    return None
