"""The simulated customer: opens the page of the authentication step and presses one of its buttons, as a browser would."""

import urllib.request

ANSWER_SECONDS = 10.0


def act(action_url: str, *, succeed: bool) -> None:
    """Go through the step at this address, to the page that the shop is returned to; raises OSError if a page fails."""
    # No proxy of the environment stands between us and this machine.
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # A gateway may lead elsewhere first; the form posts to the address of the page that it is on.
    with browser.open(action_url, timeout=ANSWER_SECONDS) as page:
        address = page.url
    button = b"result=succeed" if succeed else b"result=fail"
    with browser.open(address, data=button, timeout=ANSWER_SECONDS) as page:
        page.read()
