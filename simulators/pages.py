"""The small pages that a simulated customer sees in a browser."""

from collections.abc import Mapping
from html import escape

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:15vh auto;padding:0 1rem;text-align:center}"
    "button{font:inherit;padding:.5rem 1.25rem;margin:.25rem;border:1px solid #666;border-radius:.4rem;cursor:pointer}"
    "button[value=succeed]{background:#0a6;color:#fff;border-color:#0a6}"
)


def authentication(gateway: str, what: str) -> str:
    """The authentication step: two buttons that post to the same address."""
    return _page(
        f"{gateway} test authentication",
        f"<p>Approve the payment of <b>{escape(what)}</b>?</p>"
        '<form method="post"><button name="result" value="succeed">Complete</button>'
        '<button name="result" value="fail">Fail</button></form>',
    )


def setup(gateway: str, offered: Mapping[str, str], *, declined: bool = False) -> str:
    """The page on which a customer gives a payment method: a button for each, and one to go back."""
    buttons = "".join(
        f'<button name="given" value="{escape(name)}">{escape(label)}</button>' for name, label in offered.items()
    )
    said = "<p><b>This one was declined.</b> Give another one.</p>" if declined else ""
    return _page(
        f"{gateway} test setup",
        f"{said}<p>Which payment method do you give?</p>"
        f'<form method="post">{buttons}<button name="given" value="">Go back</button></form>',
    )


def result(*, succeeded: bool) -> str:
    """After the step, where the payment names no page to return to."""
    told = "The authentication is complete." if succeeded else "The authentication failed."
    return _page("Test authentication", f"<p>{told} You may close this window.</p>")


def nothing_to_do() -> str:
    """The payment does not wait for its customer, or not any more."""
    return _page("Test authentication", "<p>This payment does not wait for an authentication.</p>")


def returned() -> str:
    """The page that a customer comes back to by default."""
    return _page("Thank you", "<p>You may close this window.</p>")


def _page(title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{content}</body></html>"
    )
