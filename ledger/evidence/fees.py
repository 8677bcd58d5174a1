"""The fees of a period's captures in a pack: as the gateway reported them, beside what the fee rules of their day expected."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import captured_fees
from ledger.evidence.contents import PackedPeriod
from ledger.evidence.folder import OF_MOMENT, Folder, Row
from ledger.evidence.readme import FEES
from ledger.fee_comparison import compared_with
from ledger.fee_rules import FeeRules

_COLUMNS = (
    *("operation_id", "charge_id", "decided_at", "gateway", "currency", "captured_minor", "expected_minor"),
    *("reported_minor", "difference_minor", "edition", "rule", "why_not"),
)


async def write(connection: AsyncConnection, packed: PackedPeriod, folder: Folder, rules: FeeRules) -> None:
    """Write them; a fee may be reported after its period was closed, so the file is of its moment."""
    await folder.table(FEES, _COLUMNS, _rows(connection, packed, rules), of=OF_MOMENT)


async def _rows(connection: AsyncConnection, packed: PackedPeriod, rules: FeeRules) -> AsyncIterator[Row]:
    values = packed.values()
    async for reported in captured_fees.between(connection, values["first"], values["end"]):
        compared = compared_with(rules, reported)
        fees = compared.fees
        expected = fees.expected if fees else None
        difference = fees.difference if fees else None
        yield {
            "operation_id": reported.operation_id,
            "charge_id": reported.charge_id,
            "decided_at": reported.decided_at,
            "gateway": reported.ask.gateway,
            "currency": reported.ask.amount.currency,
            "captured_minor": reported.ask.amount.amount_minor,
            "expected_minor": expected.amount_minor if expected else None,
            "reported_minor": reported.fee.amount_minor
            if reported.fee.currency == reported.ask.amount.currency
            else None,
            "difference_minor": difference.amount_minor if difference else None,
            "edition": fees.version if fees else None,
            "rule": fees.rule if fees else None,
            "why_not": compared.why_not,
        }
