"""Requests that are refused before anything is done for them."""

import json

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from fewshot.data.pictures import PictureError, decode
from fewshot.interface.guard import Guard, is_ours

HERE, CALL = "127.0.0.1:7860", "/gradio_api/call/generate"


@pytest.fixture(scope="module")
def client() -> TestClient:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    async def odd(request: Request) -> PlainTextResponse:
        return json.loads(await request.body())["missing"]

    paths = {"/": answer, CALL: answer, "/gradio_api/upload": answer, "/gradio_api/run/odd": odd}
    routes = [Route(path, answer, methods=["GET", "POST"]) for path, answer in paths.items()]
    app = Starlette(routes=routes, middleware=[Middleware(Guard, under_way=(3_000_000, 20_000_000))])
    return TestClient(app, base_url=f"http://{HERE}")


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
    assert client.request(method, CALL, headers=headers).status_code == status


def test_bodies_are_bounded(client):
    assert client.post(CALL, content=b"x" * 1000).text == "1000"
    upload = "/gradio_api/upload"
    refused = client.post(upload, content=b"x" * 2, headers={"Content-Length": "11000001"})
    assert (refused.status_code, refused.text) == (413, "That is too large: at most 11 MB at a time.")
    for odd in ("-1", "1e3", "9" * 5000, "²"):
        assert client.post(upload, content=b"x", headers={"Content-Length": odd.encode()}).status_code == 413

    def unannounced():
        for _ in range(12):
            yield b"x" * 1_000_000

    assert client.post(upload, content=unannounced()).status_code in (413, 503)


def test_so_are_their_values(client):
    """A few bytes each, they take a thousand times as long to read as a picture's."""
    assert client.post(CALL, content=b"[" + b"1," * 140_000).status_code == 200
    refused = client.post(CALL, content=b"[" + b"[1,2]," * 60_000)
    assert (refused.status_code, refused.text) == (413, "That holds too many values: at most 150,000 at a time.")
    assert client.post(CALL, content=b"[" * 150_001).status_code == 413
    assert client.post(CALL, content=b"," * 200_000, headers={"Content-Type": "multipart/x"}).status_code == 200


def test_a_session_without_a_name_is_refused(client):
    for body, status in (
        (b'{"session_hash": ""}', 400),
        (b'{"session_hash":"a"}', 200),
        (b'{"session_hash":null}', 200),
    ):
        assert client.post(CALL, content=body).status_code == status


def test_what_one_client_has_under_way_is_bounded(client):
    assert client.post(CALL, content=b"x" * 3_000_000).status_code == 200
    refused = client.post(CALL, content=b"x" * 3_000_001)
    assert (refused.status_code, refused.text.partition(":")[0]) == (503, "Too much is being sent at once")
    assert client.post(CALL, content=b"x" * 3_000_000).status_code == 200  # nothing is under way any more


def test_nothing_can_be_sent_to_other_addresses(client):
    for path in ("/", "/gradio_api/vibe-edit", "/gradio_api/stream/1", "/login"):
        assert client.post(path).status_code == 404


def test_what_cannot_be_understood_is_a_sentence_and_a_fault_of_ours_is_not_hidden(client):
    answer = client.post("/gradio_api/run/odd", content=b"{}")
    assert (answer.status_code, answer.text) == (400, "This request cannot be understood.")
    with pytest.raises(PictureError) as caught:
        decode(b"")
    assert is_ours(caught.value)
    with pytest.raises(KeyError) as caught:
        json.loads("{}")["missing"]
    assert not is_ours(caught.value)
