"""What the books refuse of rates, conversions and fees. All are LedgerErrors."""

from datetime import datetime

from ledger.errors import LedgerError


class RateConflict(LedgerError):
    """A rate stays as it was stated, so another one for the same moment is refused."""

    def __init__(self, from_unit: str, to_unit: str, effective_from: datetime, rate: str) -> None:
        super().__init__(
            f"{from_unit} to {to_unit} from {effective_from:%Y-%m-%d %H:%M:%S} UTC on was stated as {rate}, and a rate is never "
            "rewritten: give one that is effective later"
        )


class NoRate(LedgerError):
    """Nothing is converted at a rate that nobody stated."""

    def __init__(self, from_unit: str, to_unit: str, moment: datetime, known_at: datetime | None) -> None:
        known = "" if known_at is None else f", by what was known at {known_at:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(
            f"there is no rate from {from_unit} to {to_unit} at {moment:%Y-%m-%d %H:%M:%S} UTC{known}: state one with `rates add`"
        )


class ConversionRefused(LedgerError):
    """An amount cannot be converted as it is asked; `why` is the whole sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class FeeUnknown(LedgerError):
    """No rule says what the fee is; `why` is the whole sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
