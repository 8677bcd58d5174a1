"""The documents of the `rates` commands with `--json`."""

from datetime import datetime

from commands.documents import Document
from ledger.positions import Position
from ledger.rates import AppliedRate, StatedRate, shown


class RateDocument(Document):
    """A rate as it was stated."""

    rate_id: int
    from_unit: str
    to_unit: str
    rate: str
    numerator: int
    denominator: int
    effective_from: datetime
    recorded_at: datetime
    source: str
    actor: str


class AppliedRateDocument(Document):
    """The rate that applied."""

    from_unit: str
    to_unit: str
    rate: str
    numerator: int
    denominator: int
    is_inverse: bool
    stated: RateDocument


class PositionDocument(Document):
    """What conversions left of a unit."""

    unit: str
    held_minor: int
    cost_minor: int
    functional_currency: str


def of_rate(row: StatedRate) -> RateDocument:
    """Show a stated rate."""
    return RateDocument(
        rate_id=row.rate_id,
        from_unit=row.from_unit,
        to_unit=row.to_unit,
        rate=shown(row.rate),
        numerator=row.rate.numerator,
        denominator=row.rate.denominator,
        effective_from=row.effective_from,
        recorded_at=row.recorded_at,
        source=row.source,
        actor=row.actor,
    )


def of_applied(applied: AppliedRate) -> AppliedRateDocument:
    """Show the rate that applied, and what it was read from."""
    return AppliedRateDocument(
        from_unit=applied.from_unit,
        to_unit=applied.to_unit,
        rate=shown(applied.rate),
        numerator=applied.rate.numerator,
        denominator=applied.rate.denominator,
        is_inverse=applied.is_inverse,
        stated=of_rate(applied.stated),
    )


def of_position(unit: str, position: Position, functional: str) -> PositionDocument:
    """Show a position."""
    return PositionDocument(
        unit=unit, held_minor=position.held_minor, cost_minor=position.cost_minor, functional_currency=functional
    )
