"""PayPal's vault: a payer approves at PayPal that their wallet may be charged later, and the approval is made a token.

Only the exchange keeps anything; under its own key it is made once, however often it is asked for.
"""

from typing import Final

from pydantic import BaseModel

from gateways.errors import OutcomeUnknown
from gateways.paypal_errors import NAME, PayPalFault
from gateways.paypal_session import PayPalSession, identity_in_path
from gateways.setups import SetupDone, SetupFailed, SetupOpen, SetupOutcome, SetupRequest, SetupStarted

SETUP_TOKENS: Final = "/v3/vault/setup-tokens"
PAYMENT_TOKENS: Final = "/v3/vault/payment-tokens"
WAITING: Final = frozenset({"CREATED", "PAYER_ACTION_REQUIRED"})
APPROVED: Final = frozenset({"APPROVED", "TOKENIZED", "VAULTED"})
"""The payer said yes; it may have been exchanged since, and the exchange then says so under its key."""
MOST_ID: Final = 22
"""The longest id of a customer that PayPal takes."""


class Link(BaseModel):
    """Where one may go from here."""

    href: str
    rel: str


class VaultCustomer(BaseModel):
    """PayPal's own id of the customer."""

    id: str | None = None


class SetupToken(BaseModel):
    """What a payer is asked to approve."""

    id: str
    status: str
    customer: VaultCustomer | None = None
    links: list[Link] = []


class PaymentToken(BaseModel):
    """A wallet that is kept."""

    id: str
    customer: VaultCustomer | None = None


class PayPalSetups:
    """Setups at one account."""

    def __init__(self, session: PayPalSession) -> None:
        self._session = session

    async def start(self, request: SetupRequest) -> SetupStarted | SetupFailed:
        """Start a setup token; see `gateways.setups`."""
        addresses = {"return_url": request.return_url, "cancel_url": request.return_url}
        body: dict[str, object] = {
            "payment_source": {"paypal": {"usage_type": "MERCHANT", "experience_context": addresses}}
        }
        if request.gateway_customer is not None and len(request.gateway_customer) <= MOST_ID:
            body["customer"] = {"id": request.gateway_customer}
        token = await self._session.post(SETUP_TOKENS, SetupToken, request_id=f"{request.setup_id}:setup", body=body)
        if isinstance(token, PayPalFault):
            return SetupFailed(reason=token.issue)
        page = next((link.href for link in token.links if link.rel in {"approve", "payer-action"}), None)
        if page is None or not page.startswith(("https://", "http://")):
            raise OutcomeUnknown(NAME, f"started setup {token.id} at no address")
        return SetupStarted(reference=token.id, url=page)

    async def finish(self, reference: str) -> SetupOutcome:
        """Read a setup token, and exchange it where its payer approved it; see `gateways.setups`."""
        setup = await self._session.find(f"{SETUP_TOKENS}/{identity_in_path(reference)}", SetupToken)
        if setup is not None and setup.status in WAITING:
            return SetupOpen()
        if setup is None:
            return SetupFailed(reason="expired")
        if setup.status not in APPROVED:
            return SetupFailed(reason=setup.status.lower())
        kept = await self._session.post(
            PAYMENT_TOKENS,
            PaymentToken,
            request_id=f"{reference}:vault",
            body={"payment_source": {"token": {"id": reference, "type": "SETUP_TOKEN"}}},
        )
        if isinstance(kept, PayPalFault):
            return SetupFailed(reason=kept.issue)
        customer = kept.customer or setup.customer
        return SetupDone(token=kept.id, gateway_customer=customer.id if customer else None)
