"""What the page sends to a route of the studio's own: JSON, of a size that is bounded."""

import json
from typing import Any

from starlette.requests import Request

from fewshot import InputError


async def read_json(request: Request, most: int) -> Any:
    """What the body of a request says; None where it says nothing. Raises InputError above ``most`` bytes."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise InputError(f"That is too large: at most {most / 1e6:g} MB.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
