"""What notices refuse.

TemplateFault   templates cannot be used: one line per fault, each with file, line, and what to do
AddressFault    a customer's address that no mail can be sent to
"""


class TemplateFault(ValueError):
    """Templates that cannot be used; nothing is sent by a part of them."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class AddressFault(ValueError):
    """An address that no mail can be sent to; the message does not repeat it."""

    def __init__(self) -> None:
        super().__init__("the customer's address is none that mail can be sent to: give another one")
