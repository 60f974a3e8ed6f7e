"""The error of everything that reads data."""


class DataError(ValueError):
    """The data is missing or is not what it should be; the message is one sentence for the user."""
