"""The one exception that a user of the kit is meant to read, and what it quotes of others."""


class KitError(Exception):
    """A refusal in one line: *what failed: expected X, got Y. Do Z.*

    The command line prints the message alone and exits with code 1; anything else that escapes is a
    defect of the kit and keeps its traceback.
    """


def first_line(error: BaseException) -> str:
    """The first line of the error's message; the name of its type where the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
