"""The counter of recoveries that ended, by why and by what brought the money: what a dashboard shows between two reports."""

from temporalio import activity

from billing.dunning_books import Dunning

ENDED = "quittance_dunnings_ended"
"""Counter, by reason and by what recovered it; `none` where nothing did."""


def count(dunning: Dunning) -> None:
    """Count one that has ended. Outside an activity there is nobody to tell."""
    if activity.in_activity():
        counter = activity.metric_meter().create_counter(ENDED, "Recoveries of invoices that ended", "dunnings")
        counter.add(1, {"reason": str(dunning.reason), "recovered_by": str(dunning.recovered_by or "none")})
