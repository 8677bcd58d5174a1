"""Why a delivery is not let in.

WebhookError
|-- DeliveryRefused          it is not genuine, not of now, or no event: sending it again changes nothing
`-- CertificateOutOfReach    what would prove it genuine cannot be fetched now: to be sent again
"""


class WebhookError(Exception):
    """A delivery is not let in; the message is one line, and shows nothing of a body or a secret."""


class DeliveryRefused(WebhookError):
    """The delivery is forged, altered, too old, from the future, or unreadable."""


class CertificateOutOfReach(WebhookError):
    """The sender's certificate cannot be fetched now; nothing is known of the delivery."""
