"""The routes for other services: postings, facts by the posting rules, what they may read of the ledger, and the events."""

from starlette.routing import Route

from api.event_feed import EventFeed
from api.facts import Booking, FactIntake
from api.postings import PostingIntake
from api.readings import Readings
from ledger.database import Database
from ledger.protection.gate import Gate
from ledger.service import Services


def ledger_routes(services: Services | None, database: Database, gate: Gate, booking: Booking) -> list[Route]:
    """Make the routes; without services they answer that nobody may post."""
    postings = PostingIntake(services, database, gate)
    facts = FactIntake(services, database, gate, booking)
    readings = Readings(services, database, gate)
    feed = EventFeed(services, database, gate)
    return [
        Route("/events", feed.read, methods=["GET"]),
        Route("/ledger/postings", postings.take, methods=["POST"]),
        Route("/ledger/conversions", facts.convert, methods=["POST"]),
        Route("/ledger/credit-purchases", facts.buy, methods=["POST"]),
        Route("/ledger/credit-spendings", facts.spend, methods=["POST"]),
        Route("/ledger/accounts/{code}/{currency}", readings.account, methods=["GET"]),
        Route("/ledger/entries/{reference:path}", readings.entry, methods=["GET"]),
    ]
