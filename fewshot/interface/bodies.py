"""What the page sends to a route of the studio's own: JSON, whose size the guard has bounded."""

from typing import Any

from starlette.requests import Request


async def read_json(request: Request) -> Any:
    """What the body of a request says; None where it says nothing."""
    try:
        return await request.json()
    except (ValueError, RecursionError):
        return None
