"""`POST /webhooks/{gateway}`: verified, kept, and only then answered. What it means is found out later, by a worker.

So an answer needs PostgreSQL and nothing else, and a sender that gets none sends again.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.bodies import raw_body
from api.inbox_writer import InboxWriter
from gateways.webhooks.errors import CertificateOutOfReach, DeliveryRefused
from gateways.webhooks.events import Admitted
from gateways.webhooks.port import WebhookEntrance
from ledger.database import OUTAGES, Database, outage_reason
from ledger.errors import LedgerNotProtected, TransmissionConflict
from ledger.inbox import NewEvent
from ledger.protection.gate import Gate

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 30


class WebhookIntake:
    """Takes deliveries of the gateways that there are entrances for."""

    def __init__(self, entrances: Mapping[str, WebhookEntrance], database: Database, gate: Gate) -> None:
        self._entrances = entrances
        self._gate = gate
        self._writer = InboxWriter(database)
        self.counts: Counter[str] = Counter()
        """Deliveries of this process by what was answered: new, copy, refused, unavailable."""

    async def take(self, request: Request) -> Response:
        """Answer a delivery: 200 once it is kept, 400 where it is not genuine, 503 where it has to be sent again."""
        gateway: str = request.path_params["gateway"]
        entrance = self._entrances.get(gateway)
        if entrance is None:
            return PlainTextResponse("there is no such gateway\n", 404)
        body = await raw_body(request)
        try:
            # Starlette has the names of headers in small letters.
            admitted = await entrance.admit(request.headers, body, datetime.now(UTC))
            is_new = await self._keep(gateway, admitted, body)
        except (DeliveryRefused, TransmissionConflict) as error:
            return self._refused(gateway, str(error))
        except CertificateOutOfReach as error:
            return self._unavailable(gateway, str(error))
        except LedgerNotProtected as error:
            return self._unavailable(gateway, error.faults[0])
        except (*OUTAGES, TimeoutError) as error:
            return self._unavailable(gateway, f"PostgreSQL could not do it: {outage_reason(error)}")
        self.counts["new" if is_new else "copy"] += 1
        return PlainTextResponse("kept\n" if is_new else "known already\n")

    async def _keep(self, gateway: str, admitted: Admitted, body: bytes) -> bool:
        await self._gate.passed()
        new = NewEvent(
            gateway=gateway,
            event_id=admitted.event.event_id,
            event_type=admitted.event.event_type,
            transmission_id=admitted.transmission_id,
            headers=admitted.headers,
            body=body,
        )
        return await self._writer.keep(new)

    def _refused(self, gateway: str, reason: str) -> Response:
        self.counts["refused"] += 1
        log.warning("webhook.refused", gateway=gateway, reason=reason, refused=self.counts["refused"])
        return PlainTextResponse(f"refused: {reason}\n", 400)

    def _unavailable(self, gateway: str, reason: str) -> Response:
        self.counts["unavailable"] += 1
        log.error("webhook.unavailable", gateway=gateway, reason=reason, unavailable=self.counts["unavailable"])
        headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
        return PlainTextResponse("not kept, send it again later\n", 503, headers)
