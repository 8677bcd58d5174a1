"""Options that take the three words of a line: account, amount, currency; typer itself has no option that is given several times with several words."""

from typing import Any

from typer.core import TyperCommand

LINE_OPTIONS = {"--debit", "--credit"}
WORDS_OF_A_LINE = 3


class CommandWithLines(TyperCommand):
    """A command whose `--debit` and `--credit` take three words each, as in `--debit expense:bad_debt 12.50 USD`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the words of each line together; several that were quoted together are left as they are."""
        joined: list[str] = []
        left = list(args)
        while left:
            word = left.pop(0)
            joined.append(word)
            if word in LINE_OPTIONS and left:
                count = 1 if " " in left[0] else WORDS_OF_A_LINE
                joined.append(" ".join(left[:count]))
                del left[:count]
        return super().parse_args(ctx, joined)
