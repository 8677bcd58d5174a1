"""The endpoints: method and path, what their bodies look like, who answers."""

import re
from dataclasses import dataclass

from simulators.paypal import dispute_views, handlers, notifications, reporting, vault
from simulators.paypal import request_bodies as bodies
from simulators.paypal.handlers import Handler
from simulators.paypal.issues import Area
from simulators.paypal.shapes import Fields, Shape

ORDERS = "/v2/checkout/orders"
PAYMENTS = "/v2/payments"
NOTIFICATIONS = "/v1/notifications"


@dataclass(frozen=True)
class Route:
    """One endpoint."""

    method: str
    path: re.Pattern[str]
    handle: Handler
    area: Area
    body: Shape
    query: frozenset[str]


NO_FIELDS = Fields({})


def _route(
    method: str,
    path: str,
    handle: Handler,
    area: Area = Area.OTHER,
    *,
    body: Shape = NO_FIELDS,
    query: frozenset[str] = frozenset(),
) -> Route:
    pattern = re.compile(re.escape(path).replace("ID", "(?P<identity>[A-Za-z0-9_-]+)"))
    return Route(method, pattern, handle, area, body, query)


ROUTES = (
    _route("POST", ORDERS, handlers.create_order, Area.CREATE, body=bodies.ORDER),
    _route("GET", f"{ORDERS}/ID", handlers.show_order, query=frozenset({"fields"})),
    _route("POST", f"{ORDERS}/ID/authorize", handlers.authorize_order, Area.AUTHORIZE, body=bodies.ORDER_PAYMENT),
    _route("POST", f"{ORDERS}/ID/capture", handlers.capture_order, Area.CAPTURE, body=bodies.ORDER_PAYMENT),
    _route("GET", f"{PAYMENTS}/authorizations/ID", handlers.show_authorization),
    _route(
        "POST",
        f"{PAYMENTS}/authorizations/ID/capture",
        handlers.capture_authorization,
        Area.PAYMENTS,
        body=bodies.CAPTURE,
    ),
    _route(
        "POST",
        f"{PAYMENTS}/authorizations/ID/reauthorize",
        handlers.reauthorize_authorization,
        Area.PAYMENTS,
        body=bodies.REAUTHORIZATION,
    ),
    _route("POST", f"{PAYMENTS}/authorizations/ID/void", handlers.void_authorization, Area.VOID),
    _route("GET", f"{PAYMENTS}/captures/ID", handlers.show_capture),
    _route("POST", f"{PAYMENTS}/captures/ID/refund", handlers.refund_capture, Area.REFUND, body=bodies.REFUND),
    _route("GET", f"{PAYMENTS}/refunds/ID", handlers.show_refund),
    _route("POST", "/v3/vault/setup-tokens", handlers.start_setup, body=bodies.SETUP_TOKEN),
    _route("GET", "/v3/vault/setup-tokens/ID", handlers.show_setup),
    _route("POST", "/v3/vault/payment-tokens", handlers.make_payment_token, body=bodies.PAYMENT_TOKEN),
    _route("GET", f"{vault.PATH}/ID", handlers.show_token),
    _route("DELETE", f"{vault.PATH}/ID", handlers.delete_token),
    _route("GET", dispute_views.PATH, handlers.list_disputes, query=dispute_views.PARAMETERS),
    _route("GET", f"{dispute_views.PATH}/ID", handlers.show_dispute),
    _route("GET", "/v1/reporting/transactions", handlers.search_transactions, query=reporting.PARAMETERS),
    _route("GET", f"{NOTIFICATIONS}/webhooks-events", handlers.list_events, query=notifications.PARAMETERS),
    _route("GET", f"{NOTIFICATIONS}/webhooks-events/ID", handlers.show_event),
    _route("POST", f"{NOTIFICATIONS}/webhooks-events/ID/resend", handlers.resend_event),
    _route(
        "POST",
        f"{NOTIFICATIONS}/verify-webhook-signature",
        handlers.verify_signature,
        body=bodies.SIGNATURE,
    ),
)


def find(method: str, path: str) -> tuple[Route, str] | int:
    """The endpoint and the id in its path; or the status for there being none, 404 or 405."""
    known = [(route, match) for route in ROUTES if (match := route.path.fullmatch(path))]
    for route, match in known:
        if route.method == method:
            return route, match.groupdict().get("identity", "")
    return 405 if known else 404
