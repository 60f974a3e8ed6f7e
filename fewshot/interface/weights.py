"""The models that a browser can draw with by itself: what it must know of one, and its weights.

PATH/NAME.json holds the facts that are in each chunk (see ``payload``), and

    config         the network's fewshot.models.ModelConfig
    guides, cut    whether it can be guided, and the chances that a guided picture of the page leaves out
    partner        the name of the model that guidance moves it away from; null if that is itself, or there is none

and PATH/NAME.safetensors the weights. Of models that draw on the server only, there is nothing here.
"""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fewshot import CheckpointError, FewShotModel, checkpoints, payload
from fewshot.interface import catalogue
from fewshot.models import UNCONDITIONAL

PATH = "studio-weights"


def find(name: object) -> FewShotModel:
    """A shipped model that a browser can draw with. Raises CheckpointError."""
    model = catalogue.find(name)
    if not catalogue.is_local(model.task, model.network.config):
        raise CheckpointError(f"The model '{name}' draws on the server only.")
    return model


def described(model: FewShotModel) -> dict[str, Any]:
    """What its JSON file holds."""
    config = model.network.config
    apart = model.facts.guides and not config.drops_supports
    return {
        **payload.pack_facts(model.facts),
        "config": asdict(config),
        "guides": model.facts.guides,
        "cut": model.task.cut,
        "partner": f"{model.task.key}-{UNCONDITIONAL}" if apart else None,
    }


def answer(request: Request) -> Response:
    """One of the two files, which a browser asks for again at each visit."""
    name, _, kind = request.path_params["file"].rpartition(".")
    try:
        model = find(name)
    except CheckpointError as error:
        return PlainTextResponse(str(error), 404)
    headers = {"Cache-Control": "no-cache"}
    if kind == "json":
        return JSONResponse(described(model), headers=headers)
    if kind == "safetensors":
        return FileResponse(checkpoints.resolve(name), media_type="application/octet-stream", headers=headers)
    return PlainTextResponse(f"Of the model '{name}' there are .json and .safetensors.", 404)


ROUTE = Route(f"/{PATH}/{{file}}", answer)
