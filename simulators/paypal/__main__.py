"""`python -m simulators.paypal --port P --state FILE [--webhook-url U --webhook-id W]`."""

import argparse
import sys
from pathlib import Path

from simulators.paypal.gateway import PayPal
from simulators.server import serve
from simulators.store import StateInUse

NAME = "PayPal"


def main() -> None:
    """Run the simulator until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m simulators.paypal", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="file of the state; made if it is not there")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--public-url", help="where callers and browsers reach it, if not at http://127.0.0.1:PORT")
    parser.add_argument("--server-url", help="where the receiver of events reaches it, if not at the public address")
    parser.add_argument("--webhook-url", help="where events are sent")
    parser.add_argument("--webhook-id", default="WH-LOCAL", help="id of the webhook, part of what is signed")
    options = parser.parse_args()
    try:
        gateway = PayPal(
            options.state,
            base_url=(options.public_url or f"http://127.0.0.1:{options.port}").rstrip("/"),
            webhook_url=options.webhook_url,
            webhook_id=options.webhook_id,
            server_url=options.server_url and options.server_url.rstrip("/"),
        )
    except StateInUse as error:
        sys.exit(f"{NAME} simulator: {error}")
    serve(gateway, NAME, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
