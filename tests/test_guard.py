"""Requests that are refused before anything is done for them."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from fewshot.interface.guard import Guard

HERE = "127.0.0.1:7860"


@pytest.fixture(scope="module")
def client() -> TestClient:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    return TestClient(Guard(app, most=1000), base_url=f"http://{HERE}")


@pytest.mark.parametrize("host", [HERE, "localhost:7860", "localhost", "[::1]:7860", "LOCALHOST"])
def test_this_machine_answers(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.test:7860", "127.0.0.1.evil.test", "localhost.evil.test", "192.168.0.7", "", "[", "a b"]
)
def test_other_names_are_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 200),  # a program
        ("POST", {"Origin": f"http://{HERE}"}, 200),
        ("POST", {"Origin": "http://evil.test"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Origin": "http://127.0.0.1:9999"}, 403),
        ("POST", {"Origin": "http://school.test", "X-Forwarded-Host": "school.test"}, 200),  # by way of a proxy
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "http://school.test"}, 200),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),  # a form
        ("POST", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),  # another port
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),  # a picture in a page
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),  # a link
        ("GET", {"Sec-Fetch-Site": "none"}, 200),  # the address was typed
    ],
)
def test_pages_of_other_sites_are_refused(client, method, headers, status):
    assert client.request(method, "/", headers=headers).status_code == status


def test_bodies_are_bounded(client):
    assert client.post("/", content=b"x" * 1000).text == "1000"
    refused = client.post("/", content=b"x" * 1001)
    assert (refused.status_code, refused.text) == (413, "That is too large: at most 0 MB at a time.")
    assert client.post("/", content=b"x", headers={"Content-Length": "-1"}).status_code == 413
