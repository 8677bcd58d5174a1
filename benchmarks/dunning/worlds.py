"""The worlds that policies are compared in: constants with their sources, and worlds in which some of them are others.

They are data (`worlds.yaml`), settled before the policy under test was tried; a test holds the hash of the file.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ledger import lined_yaml

DATA: Final = Path(__file__).with_name("worlds.yaml")
BASE: Final = "base"
DAY_SECONDS: Final = 86_400
FIRST: Final = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
SPAN_DAYS: Final = 365
"""Failures are spread over a year from FIRST on, so that every month end and both changes of the clock are in it."""
HORIZON_DAYS: Final = 30
"""How long a case is open."""
_KIND: Final = lined_yaml.Kind("file of worlds", "state `base:` and `worlds:`", "[US, DE]")

Shares = Mapping[str, float]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(_Plain):
    """A positive number whose logarithm is normally distributed."""

    median: float = Field(gt=0)
    sigma: float = Field(ge=0)


class Between(_Plain):
    """An evenly spread number."""

    low: float
    high: float


class Country(_Plain):
    """Customers of one country; `debit` is the share of debit cards, `paydays` the shares of calendars of pay."""

    share: float
    currency: str
    zones: tuple[str, ...]
    debit: float
    paydays: Shares


class World(_Plain):
    """All constants of one world; what each is, and where it comes from, is said in the data."""

    countries: Mapping[str, Country]
    calendars: Mapping[str, Shares]
    gateways: Shares
    networks: Shares
    amount_minor: Spread
    causes: Shares
    on_calendar: float
    payday_hours: Between
    pay_is_late: float
    never_enough: float
    pay_covers: float
    money_lasts_days: Spread
    other_money_every_days: float
    no_calendar_every_days: float
    risk_chance: Between
    risk_forever: float
    risk_falls_by: float
    risk_soon_factor: float
    risk_night_factor: float
    clear_chance: float
    clear_falls_by: float
    technical_hours: Spread
    network_updates: float
    update_days: Spread
    update_is_told: float
    authentication_passes: float
    outages_every_days: float
    outage_hours: Spread
    outage_known_after_minutes: float
    typical_code: float
    codes: Mapping[str, Shares]
    advice_share: float
    advice: Mapping[str, Shares]
    wait_countries: tuple[str, ...]
    wait_sigma: float
    notice_days: tuple[float, ...]
    heeded: Shares
    fatigue: float
    answer_hours: Spread
    pays_at_once: float
    cancels: float
    cancels_grows_by: float
    has_history: float
    history_months: int
    history_is_kept: float
    was_late: float
    try_cost_minor: float
    notice_cost_minor: float
    fee_minor: Shares
    months_lost: float
    margin: float


class _Stated(_Plain):
    value: Any = Field(alias="is")
    source: str = Field(min_length=1)


class _Shifted(_Plain):
    why: str = Field(min_length=1)
    changes: Mapping[str, Any]


class _File(_Plain):
    base: Mapping[str, _Stated]
    worlds: Mapping[str, _Shifted]


class Worlds(NamedTuple):
    """The base world and the shifted ones, by name; `why` says in what a shifted one differs."""

    by_name: Mapping[str, World]
    why: Mapping[str, str]

    @property
    def shifted(self) -> tuple[str, ...]:
        """The names of the shifted worlds."""
        return tuple(self.why)


@cache
def worlds() -> Worlds:
    """Read the worlds; raises lined_yaml.FileFault or ValueError where the data cannot be used."""
    file = lined_yaml.parse(lined_yaml.read_text(DATA, _KIND.noun), DATA.name, _KIND, _File)
    base = {name: stated.value for name, stated in file.base.items()}
    changed = {BASE: base} | {name: base | dict(world.changes) for name, world in file.worlds.items()}
    return Worlds(
        by_name={name: World.model_validate(constants) for name, constants in changed.items()},
        why={name: world.why for name, world in file.worlds.items()},
    )
