"""An authorization that is held: until it is captured, voided or called off, is not confirmed, or is about to lapse."""

from datetime import timedelta

from activities.charge_books import Standing
from gateways.port import OperationKind, RefusalCode
from ledger.charges import AtExpiry, ChargeStatus
from workflows.charge_attempts import execute, perform
from workflows.charge_steps import ChargeSteps

ASSUMED_LIFE = timedelta(days=7)
"""How long an authorization is held whose end no gateway has told: a person said that it succeeded."""
MAX_TRIES = 3
"""How often an authorization is ended, where the gateway fails without effect, before a person has to look."""
EXPIRY_MARGIN = timedelta(hours=1)
"""How long before an authorization lapses it is voided or captured; a tenth of its life where that is shorter."""


async def hold(charge: ChargeSteps, standing: Standing) -> Standing:
    """Hold the authorization until it has come to its end, or until a person has to look."""
    while charge.view.status is ChargeStatus.AUTHORIZED:
        await charge.note_wishes()
        if charge.cancellation is not None:
            cancellation, charge.cancellation = charge.cancellation, None
            standing = await _release(charge, "cancel", cancellation.actor, lapsed=False)
        elif charge.command is not None:
            standing = await execute(charge, charge.command)
            charge.command = None
        else:
            await charge.begin_anew_when_full()
            timeout, summary = _until_deadline(charge)
            if not await charge.world.wait(lambda: charge.has_wish() or charge.world.is_full(), timeout, summary):
                standing = await _at_deadline(charge)
    return standing


def _until_deadline(charge: ChargeSteps) -> tuple[timedelta, str]:
    """How long the authorization may be held, and until what."""
    now = charge.world.now()
    left = (charge.view.authorization_expires_at or now + ASSUMED_LIFE) - now
    waits = [(max(left - min(EXPIRY_MARGIN, left / 10), timedelta(0)), "until the authorization lapses")]
    if charge.unconfirmed_until is not None:
        waits.append((max(charge.unconfirmed_until - now, timedelta(0)), "until it has to be confirmed"))
    return min(waits)


async def _at_deadline(charge: ChargeSteps) -> Standing:
    """Settle the authorization before it lapses, or since nobody has confirmed it."""
    if charge.unconfirmed_until is not None and charge.world.now() >= charge.unconfirmed_until:
        return await _release(charge, "unconfirmed", charge.own_name, lapsed=False)
    kind = OperationKind.CAPTURE if charge.request.at_expiry is AtExpiry.CAPTURE else OperationKind.VOID
    return await _end(charge, kind, "expiry", charge.own_name, lapsed=True)


async def _release(charge: ChargeSteps, purpose: str, actor: str, *, lapsed: bool) -> Standing:
    return await _end(charge, OperationKind.VOID, purpose, actor, lapsed=lapsed)


async def _end(charge: ChargeSteps, kind: OperationKind, purpose: str, actor: str, *, lapsed: bool) -> Standing:
    """End the authorization, again where the gateway is known to have done nothing; where it will not, a person has to look."""
    for _ in range(MAX_TRIES):
        standing = await perform(charge, kind, purpose, None, actor, lapsed=lapsed, until_done=True)
        if charge.view.status is not ChargeStatus.AUTHORIZED:
            return standing
        if charge.view.decline_code != RefusalCode.NO_EFFECT:
            break
    return await charge.park(f"the authorization has to end and could not be settled: {charge.view.message}")
