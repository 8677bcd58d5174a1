"""A replay as people read it: totals first, then the charges that would have gone elsewhere."""

from commands import output
from gateways.routing.replay import ReplayReport
from ledger.money import Money

MOST_SHOWN = 20


def show(report: ReplayReport) -> None:
    """Print the comparison."""
    if not report.charges:
        output.line("there are no charges in that time")
        return
    moved = f"{report.different} of {report.charges} charges would have gone elsewhere"
    output.line(f"policy {report.policy_version}: {moved}, {report.nowhere} nowhere")
    names = sorted({*report.chosen, *report.would_choose})
    rows = [(name, str(report.chosen.get(name, 0)), str(report.would_choose.get(name, 0))) for name in names]
    output.table(("gateway", "chosen", "would be chosen"), rows, numbers=("chosen", "would be chosen"))
    _show_fees(report)
    if report.chosen_success is not None and report.would_success is not None:
        change = f"{report.chosen_success:.2%} as chosen, {report.would_success:.2%} by this policy"
        output.line(f"expected success of {report.success_charges} charges: {change}")
    _show_moved(report)


def _show_fees(report: ReplayReport) -> None:
    columns = ("currency", "charges", "amount", "expected fees as chosen", "by this policy", "difference")
    rows = []
    for sums in report.fees:
        amounts = (sums.amount_minor, sums.chosen_fee_minor, sums.would_fee_minor)
        shown = [str(Money(amount_minor=amount, currency=sums.currency)) for amount in amounts]
        change = Money(amount_minor=sums.would_fee_minor - sums.chosen_fee_minor, currency=sums.currency)
        rows.append((sums.currency, str(sums.charges), *shown, str(change)))
    if rows:
        output.table(columns, rows, numbers=columns[1:])
    else:
        output.line("the policy has no fees of these gateways, so the cost is not compared")


def _show_moved(report: ReplayReport) -> None:
    moved = [one for one in report.replayed if not one.is_same]
    rows = [(one.charge_id, one.chosen, one.would_choose or "nowhere", one.reason) for one in moved[:MOST_SHOWN]]
    if rows:
        output.table(("charge", "chosen", "would be chosen", "why"), rows)
    if len(moved) > MOST_SHOWN:
        output.line(f"and {len(moved) - MOST_SHOWN} more: --json lists all of them")
