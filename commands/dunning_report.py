"""`dunning report`: what dunning brought, by fixed definitions, and whether a network's rule was broken, which is never."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from commands import dunning_desk_options, options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.dunning_report_documents import RecoveryDocument, RecoveryReportDocument

DEFAULT_SPAN = timedelta(days=90)
MAX_SHOWN = 20
DAY_SECONDS = 86_400
FIGURES = ("failed", "amount", "recovered", "share", "of amount", "retry", "new method", "link", "outside")
EFFORTS = (
    "tries",
    "rungs",
    "notices",
    "median",
    "9 of 10",
    "open",
    "ended without",
    "paid after",
    "lost",
    "fails again",
)


def report(
    *,
    first: dunning_desk_options.From = None,
    last: dunning_desk_options.To = None,
    horizon: dunning_desk_options.Horizon = None,
    by: dunning_desk_options.SplitBy = None,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> None:
    """Show what dunning brought of the invoices that failed in a time; exit code 1 where a network's rule was broken."""
    from billing.dunning.recovery import HORIZONS, SPLITS
    from commands import billing_steps, csv_output, moments
    from commands.dunning_report_documents import RecoveryDocument

    csv_output.one_form(as_json=as_json, as_csv=as_csv)
    if by is not None and by not in SPLITS:
        raise WrongUse(f"--by: the report cannot be split by {by!r}: use one of {', '.join(SPLITS)}")
    if horizon is not None and horizon not in HORIZONS:
        raise WrongUse(f"--horizon: must be {' or '.join(map(str, HORIZONS))} days")
    now = datetime.now(UTC)
    span = moments.span(first, last)
    end = span.last or now
    begin = span.first or min(now, end) - DEFAULT_SPAN
    horizons = HORIZONS if horizon is None else (horizon,)

    found = billing_steps.read(lambda books: _measured(books, begin, end, horizons=horizons, by=by, now=now))
    if as_json:
        output.document(found.plain())
    elif as_csv:
        with csv_output.CsvWriter(RecoveryDocument) as writer:
            for row in found.rows:
                writer.write(row)
    else:
        _show(found)
    if found.violations:
        raise AnswerIsNo(*_broken(found))


async def _measured(
    books: "Books", begin: datetime, end: datetime, *, horizons: "tuple[int, ...]", by: str | None, now: datetime
) -> "RecoveryReportDocument":
    from billing import card_audit, recovery_report
    from billing.dunning import recovery
    from commands import dunning_report_documents
    from commands.dunning_report_documents import RecoveryReportDocument

    courses = await recovery_report.courses(books, begin, end)
    figures = recovery.figures(courses, by=by, horizons=horizons, now=now)
    return RecoveryReportDocument(
        first=begin,
        last=end,
        as_of=now,
        by=by,
        rows=[dunning_report_documents.of_figures(each) for each in figures],
        violations=dunning_report_documents.of_violations(await card_audit.violations(books, begin)),
    )


def _show(found: "RecoveryReportDocument") -> None:
    span = f"{found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC"
    if not found.rows:
        output.line(f"no payment failed from {span}")
    else:
        output.line(f"payments that failed from {span}")
        keys = (found.by or "all", "currency", "days")
        numbers = ("days", *FIGURES, *EFFORTS)
        output.table((*keys, *FIGURES), [(*_key(row), *_figures(row)) for row in found.rows], numbers=numbers)
        output.line("tries, rungs and notices for each recovery; how long one took; what became of the others:")
        output.table((*keys, *EFFORTS), [(*_key(row), *_efforts(row)) for row in found.rows], numbers=numbers)
        if not all(row.is_complete for row in found.rows):
            output.line("* not complete: so many days have not passed yet since the last failure")
    output.line(f"tries against a rule of the networks: {len(found.violations)}")


def _key(row: "RecoveryDocument") -> tuple[str, str, str]:
    return row.group, row.currency, f"{row.horizon_days}{'' if row.is_complete else '*'}"


def _figures(row: "RecoveryDocument") -> tuple[str, ...]:
    from commands import billing_arguments

    return (
        str(row.invoices),
        billing_arguments.shown(row.amount_minor, row.currency),
        str(row.recovered),
        _percent(row.share),
        _percent(row.share_of_amount),
        *(str(count) for count in row.recovered_by.values()),
    )


def _efforts(row: "RecoveryDocument") -> tuple[str, ...]:
    return (
        *(_each(ratio) for ratio in (row.tries_per_recovery, row.rungs_per_recovery, row.notices_per_recovery)),
        *(_days(seconds) for seconds in (row.median_seconds, row.ninetieth_seconds)),
        str(row.still_open),
        ", ".join(f"{count} {reason}" for reason, count in row.ended.items()) or "0",
        str(row.paid_after_end),
        str(row.subscriptions_ended),
        _percent(row.recurrence),
    )


def _broken(found: "RecoveryReportDocument") -> list[str]:
    lines = [
        f"{each.operation_id} of card {each.card} at {each.tried_at:%Y-%m-%d %H:%M} UTC broke a rule: {each.rule}"
        for each in found.violations[:MAX_SHOWN]
    ]
    more = len(found.violations) - MAX_SHOWN
    return [*lines, f"and {more} more: see them with --json"] if more > 0 else lines


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _each(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _days(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds / DAY_SECONDS:.1f} d"
