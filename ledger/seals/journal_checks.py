"""What must be so of the journal as a whole, sealed or not: no stray lines, balances that follow from them, guards that are on.

Balances and sequences are recomputed from the lines alone. The database does it in one pass; nothing is taken from what
the posting functions keep but to be held against it.
"""

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals.damage import Damage, DamageFoundError, DamageKind

GUARDED = ("account_codes", "accounts", "entries", "lines", "seals", "seal_leaves")
GUARDS = {(table, name) for table in GUARDED for name in ("never_changed", "never_emptied")} | {
    ("entries", "entries_are_complete"),
    ("entries", "reversals_are_of_what_is_left"),
    ("lines", "lines_belong"),
    ("seals", "seal_follows"),
    ("seals", "seal_is_complete"),
    ("seal_leaves", "leaves_belong"),
}
"""The triggers that keep the books as they are."""
ALWAYS = "A"
"""On for everybody, also for a superuser with `session_replication_role`."""

_STRAY_LINE = text(
    "SELECT l.line_id, l.entry_id FROM public.lines l LEFT JOIN public.entries e ON e.entry_id = l.entry_id"
    " WHERE e.entry_id IS NULL ORDER BY l.line_id LIMIT 1"
)
_ACCOUNT_DIFFERS = text(
    "SELECT a.account_id, a.code, a.currency FROM public.accounts a LEFT JOIN public.account_codes c"
    " ON (c.code, c.type, c.normal_side) = (a.code, a.type, a.normal_side)"
    " WHERE c.code IS NULL ORDER BY a.account_id LIMIT 1"
)
_KEEPS_BALANCES = text("SELECT to_regclass('public.balances') IS NOT NULL")
_SIGNED = "CASE WHEN l.side = a.normal_side THEN l.amount_minor ELSE -l.amount_minor END"
_LINE_OUT_OF_PLACE = text(f"""
SELECT l.line_id, l.entry_id, l.sequence, l.before_minor, l.after_minor, l.place, l.carried, a.code, a.currency
    FROM (
        SELECT line_id, entry_id, account_id, side, amount_minor, sequence, before_minor, after_minor,
                row_number() OVER w AS place, coalesce(lag(after_minor) OVER w, 0) AS carried
            FROM public.lines WINDOW w AS (PARTITION BY account_id ORDER BY sequence, line_id)
    ) l
    JOIN public.accounts a ON a.account_id = l.account_id
    WHERE l.sequence <> l.place OR l.before_minor <> l.carried OR l.after_minor - l.before_minor <> {_SIGNED}
    ORDER BY l.entry_id, l.line_id LIMIT 1
""")  # noqa: S608 # our own words
_BALANCE_DIFFERS = text(f"""
SELECT a.code, a.currency, b.balance_minor, b.version, s.balance_minor AS summed, s.lines
    FROM public.accounts a
    LEFT JOIN public.balances b ON b.account_id = a.account_id
    LEFT JOIN (
        SELECT l.account_id, count(*) AS lines, sum({_SIGNED}) AS balance_minor
            FROM public.lines l JOIN public.accounts a ON a.account_id = l.account_id GROUP BY l.account_id
    ) s ON s.account_id = a.account_id
    WHERE coalesce(b.balance_minor, 0) <> coalesce(s.balance_minor, 0) OR coalesce(b.version, 0) <> coalesce(s.lines, 0)
    ORDER BY a.account_id LIMIT 1
""")  # noqa: S608 # our own words
_TRIGGERS = text(
    "SELECT c.relname AS table, t.tgname AS name, t.tgenabled::text AS state FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(:tables) AND NOT t.tgisinternal ORDER BY 1, 2"
)


async def check_lines(connection: AsyncConnection) -> None:
    """Raise DamageFoundError where a line has no entry, or an account is not as its code is."""
    stray = await _first(connection, _STRAY_LINE)
    if stray:
        said = f"line {stray['line_id']} belongs to entry {stray['entry_id']}, which is not there"
        raise DamageFoundError(Damage(DamageKind.ENTRY, said, entry_id=stray["entry_id"]))
    differs = await _first(connection, _ACCOUNT_DIFFERS)
    if differs:
        said = f"account {differs['code']} in {differs['currency']} has another type or normal side than its code"
        raise DamageFoundError(Damage(DamageKind.ACCOUNT, said))


async def check_balances(connection: AsyncConnection) -> None:
    """Raise DamageFoundError where a line's place or balances, or the balance of an account, do not follow from the lines."""
    if not await connection.scalar(_KEEPS_BALANCES):
        return
    line = await _first(connection, _LINE_OUT_OF_PLACE)
    if line:
        said = (
            f"account {line['code']} in {line['currency']}: line {line['line_id']} has sequence {line['sequence']} and"
            f" balances {line['before_minor']} and {line['after_minor']}, where by the lines before it comes number"
            f" {line['place']} and the balance is {line['carried']}"
        )
        raise DamageFoundError(Damage(DamageKind.ACCOUNT, said, entry_id=line["entry_id"]))
    differs = await _first(connection, _BALANCE_DIFFERS)
    if differs:
        said = (
            f"account {differs['code']} in {differs['currency']} is kept at {differs['balance_minor']} with version"
            f" {differs['version']}, and its {differs['lines'] or 0} lines add up to {differs['summed'] or 0}"
        )
        raise DamageFoundError(Damage(DamageKind.ACCOUNT, said))


async def check_guards(connection: AsyncConnection) -> None:
    """Raise DamageFoundError where a trigger that keeps the books is gone or not always on."""
    found = (await connection.execute(_TRIGGERS, {"tables": list(GUARDED)})).mappings().all()
    states = {(row["table"], row["name"]): row["state"] for row in found}
    for table, name in sorted(GUARDS | states.keys()):
        state = states.get((table, name))
        if state != ALWAYS:
            how = "gone" if state is None else "off, or off for some"
            said = f"the trigger {name} on {table} is {how}: what it refuses may have been done"
            raise DamageFoundError(Damage(DamageKind.GUARD, said))


async def _first(connection: AsyncConnection, query: TextClause) -> RowMapping | None:
    return (await connection.execute(query)).mappings().first()
