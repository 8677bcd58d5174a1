"""What a command says instead of doing what was asked: lines for stderr, and the exit code.

CommandError          one line per fault; each says what is wrong and what to do
|-- AnswerIsNo        1: everything worked, and the answer is no: declined, refused
|-- WrongUse          2: the command, an argument or a setting cannot be used as it is
`-- OutOfReach        3: a part of the system cannot be reached, or has not answered yet: nothing is known of the answer
"""

from collections.abc import Sequence


class CommandError(Exception):
    """What stops a command; never shown with a traceback."""

    exit_code: int

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines: Sequence[str] = lines


class AnswerIsNo(CommandError):
    """The system works, and says no."""

    exit_code = 1


class WrongUse(CommandError):
    """What was given cannot be used; nothing was started."""

    exit_code = 2


class OutOfReach(CommandError):
    """A part of the system does not answer, so the answer is not known; asking again with the same id is safe."""

    exit_code = 3
