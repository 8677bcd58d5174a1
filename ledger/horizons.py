"""Until when each gateway's list of past events is in the inbox, and whose turn it is to read on. All times are PostgreSQL's.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from datetime import datetime, timedelta

from sqlalchemy import Interval, bindparam, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import webhook_horizons as horizons
from ledger.record import Record


class Turn(Record):
    """Whoever has it reads the list, and nobody else does until `hold` runs out."""

    horizon: datetime
    now: datetime


_LATER = func.clock_timestamp() + bindparam("after", type_=Interval)
_OF_GATEWAY = horizons.c.gateway == bindparam("the_gateway")
_BEGIN = insert(horizons).values(gateway=bindparam("the_gateway")).on_conflict_do_nothing()
_TAKE = (
    update(horizons)
    .where(_OF_GATEWAY, horizons.c.next_ask_at <= func.clock_timestamp())
    .values(next_ask_at=_LATER)
    .returning(horizons.c.horizon, func.clock_timestamp().label("now"))
)
_HOLD = update(horizons).where(_OF_GATEWAY).values(next_ask_at=_LATER)
_MOVE = (
    update(horizons)
    .where(_OF_GATEWAY)
    .values(
        # Two that read at once may end in any order.
        horizon=func.greatest(horizons.c.horizon, bindparam("new_horizon", type_=horizons.c.horizon.type)),
        next_ask_at=_LATER,
    )
)


async def take(connection: AsyncConnection, gateway: str, lease: timedelta) -> Turn | None:
    """Take the turn where the list is due to be read; the horizon of a gateway that is new begins now."""
    values = {"the_gateway": gateway, "after": lease}
    await connection.execute(_BEGIN, {"the_gateway": gateway})
    row = (await connection.execute(_TAKE, values)).mappings().one_or_none()
    return None if row is None else Turn.model_validate(dict(row))


async def hold(connection: AsyncConnection, gateway: str, after: timedelta) -> None:
    """Let nobody read the list for so long."""
    await connection.execute(_HOLD, {"the_gateway": gateway, "after": after})


async def move(connection: AsyncConnection, gateway: str, horizon: datetime, after: timedelta) -> None:
    """Say that everything until then is in the inbox, and that the list is to be read on after so long. It never moves back."""
    await connection.execute(_MOVE, {"the_gateway": gateway, "new_horizon": horizon, "after": after})
