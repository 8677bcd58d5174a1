"""What routing refuses.

NoGateway      no gateway can take the charge: an answer about this charge
PolicyFault    a policy file cannot be used: one line per fault, each with where it is and what to do
"""


class NoGateway(ValueError):
    """No gateway can take the charge; the message names each one and why."""


class PolicyFault(ValueError):
    """A policy that cannot be used; nothing is routed by a part of it."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
