"""What dunning refuses.

DunningPolicyFault   a policy file cannot be used: one line per fault, each with where it is and what to do
"""


class DunningPolicyFault(ValueError):
    """A policy that cannot be used; nothing is done by a part of it."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
