"""What the books refuse of periods: a name, a person, a change of state. All are LedgerErrors."""

from collections.abc import Sequence

from ledger.errors import LedgerError


class UnknownPeriod(LedgerError):
    """No such period."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no period {name}: see `periods list` for those there are")
        self.name = name


class NotInThisRole(LedgerError):
    """The database knows the person in another role, or in none; `why` is its sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class PeriodRefused(LedgerError):
    """The database refuses to change a period's state; `why` is its sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class PeriodHasWarnings(PeriodRefused):
    """Something in the period is open; who closes it all the same says why."""

    def __init__(self, why: str, warnings: Sequence[str]) -> None:
        super().__init__(why)
        self.warnings = warnings
