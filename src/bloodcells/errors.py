"""The one exception that a user of the kit is meant to read."""


class KitError(Exception):
    """A refusal in one line: *what failed: expected X, got Y. Do Z.*

    The command line prints the message alone and exits with code 1; anything else that escapes is a
    defect of the kit and keeps its traceback.
    """
