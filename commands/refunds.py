"""`refund`: gives back some or all of what a charge captured."""
# ruff: noqa: PLC0415 # heavy parts are imported when the command runs, so that --help is quick

import uuid
from typing import TYPE_CHECKING

from commands import options, output
from commands.errors import AnswerIsNo, OutOfReach

if TYPE_CHECKING:
    from commands.charge_documents import RefundDocument
    from ledger.charges import Charge
    from ledger.refunds import RefundRequest

ACCEPTED = {"succeeded", "pending"}
REFUSED = {"failed", "refused"}
"""What is in neither set is not known yet."""


def refund(
    charge_id: options.ChargeId,
    *,
    amount: options.PartAmount = None,
    reason: options.Reason = None,
    refund_id: options.NewRefundId = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Give back some or all of what a charge captured, and wait until that is decided."""
    from commands import arguments, connections, refund_process
    from ledger.refunds import RefundRequest

    name = refund_id or f"re_{uuid.uuid4().hex}"

    def request(charge: "Charge") -> "RefundRequest":
        content = {
            "refund_id": name,
            "charge_id": charge_id,
            "amount_minor": None if amount is None else arguments.money(amount, charge.currency).amount_minor,
            "reason": reason,
            "actor": arguments.actor(),
        }
        return arguments.checked(RefundRequest, content)

    arguments.identifier("CHARGE_ID", charge_id)
    arguments.identifier("--id", name)
    try:
        found = connections.run(
            lambda settings: refund_process.refund(settings, name, charge_id, request, timeout_seconds)
        )
    except KeyboardInterrupt:
        output.notice(f"if it was started, it goes on by itself: ask again with `--id {name}`")
        raise
    _answer(found, as_json=as_json)


def _answer(found: "RefundDocument", *, as_json: bool) -> None:
    if as_json:
        output.document(found.plain())
    said = _sentence(found)
    if found.status in ACCEPTED:
        return None if as_json else output.line(said)
    if found.status in REFUSED:
        raise AnswerIsNo(said)
    raise OutOfReach(f"{said}; look with `status {found.charge_id}`")


def _sentence(found: "RefundDocument") -> str:
    from ledger.money import Money

    what = f"refund {found.refund_id}"
    if found.amount_minor is not None and found.currency is not None:
        what += f" of {Money(amount_minor=found.amount_minor, currency=found.currency)}"
    why = f": {found.message}" if found.message else ""
    return f"{what} from charge {found.charge_id}: {found.status.replace('_', ' ')}{why}"
