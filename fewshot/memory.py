"""How the C library's allocator, where it is glibc's, deals with memory that is freed."""

import ctypes
from contextlib import suppress

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # mallopt's parameters, of glibc's malloc.h


def keep_freed() -> None:
    """For training: what a step frees is kept for the next one.

    Otherwise the system clears some 20,000 pages a step, and a step takes a sixth longer.
    """
    _mallopt(TRIM_THRESHOLD, 2**31 - 1)  # bytes: the most there is
    _mallopt(MMAP_MAX, 0)  # blocks, which would go back when they are freed


def give_back() -> None:
    """For a server: blocks of a megabyte and more go back to the system when they are freed."""
    _mallopt(MMAP_THRESHOLD, 2**20)


def trim() -> None:
    """Give back what is free now in smaller blocks too, as after a large computation in a thread."""
    _call("malloc_trim", 0)


def _mallopt(parameter: int, value: int) -> None:
    _call("mallopt", parameter, value)


def _call(function: str, *arguments: int) -> None:
    with suppress(AttributeError, OSError, TypeError):  # not glibc, or Windows, which has no such handle
        getattr(ctypes.CDLL(None), function)(*arguments)
