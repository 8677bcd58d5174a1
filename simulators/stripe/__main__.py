"""`python -m simulators.stripe --port 12111 --state FILE`: runs the simulated Stripe until a signal ends it."""

import argparse
import sys
from pathlib import Path

from simulators.server import serve
from simulators.simulator import Simulator
from simulators.store import StateInUse
from simulators.stripe import events
from simulators.stripe.api import SETTINGS, StripeApi


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m simulators.stripe", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps its state")
    parser.add_argument("--webhook-url", help="where events are sent")
    parser.add_argument("--webhook-secret", default="whsec_local", help="secret that events are signed with")
    parser.add_argument("--public-url", help="where a browser reaches it, if not at http://127.0.0.1:PORT")
    options = parser.parse_args()
    try:
        simulator = Simulator(
            options.state,
            settings=SETTINGS,
            sign=events.signing(options.webhook_secret),
            webhook_url=options.webhook_url,
        )
    except StateInUse as error:
        sys.exit(f"Stripe simulator: {error}")
    public_url = options.public_url or f"http://127.0.0.1:{options.port}"
    serve(StripeApi(simulator, public_url.rstrip("/")), "Stripe", host=options.host, port=options.port)


if __name__ == "__main__":
    main()
