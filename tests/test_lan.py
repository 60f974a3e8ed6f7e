"""The studio on the network: who is answered, and that nobody's requests keep the others waiting."""

import http.client
import json
import os
import re
import socket
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot.interface import network
from fewshot.interface.service import SERVICE

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
CROSS = {"strokes": [[[20, 20], [85, 85]], [[85, 20], [20, 85]]]}
ELSEWHERE = network.address() or "127.0.0.2"  # another address of this machine
HOSTILE, PUPIL = "127.0.0.3", "127.0.0.4"


def start(**options):
    from fewshot.interface import studio

    demo = studio.build()
    studio.launch(demo, prevent_thread_lock=True, quiet=True, **options)
    return demo


@pytest.fixture(scope="module")
def port():
    demo = start(lan=True, allowed_hosts=["studio.school.test"])
    yield demo.server_port
    demo.close(verbose=False)


def ask(port, path="/", at=ELSEWHERE, come_from="", **headers):
    """The status and the text of an answer."""
    connection = http.client.HTTPConnection(at, port, timeout=60, source_address=(come_from, 0))
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_it_is_reached_by_another_address(port):
    assert ask(port)[0] == 200
    assert ask(port, at="127.0.0.1")[0] == 200
    assert ask(port, Host=f"studio.school.test:{port}")[0] == 200
    assert ask(port, Host=f"Studio.School.Test:{port}")[0] == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_others_pages_are_refused(port, headers):
    status, sentence = ask(port, **headers)
    assert status == 403
    assert sentence.startswith("The studio answers")
    # An address of this machine, but not the one that was asked: a name that leads elsewhere.
    assert ask(port, at="127.0.0.1", Host="192.0.2.77")[0] == 403


def test_its_address_is_shown(port):
    status, page = ask(port, f"/{network.PATH}", at="127.0.0.1")
    assert status == 200
    if network.address():
        assert f"http://{network.address()}:{port}/" in page
        assert re.search(r'<svg viewBox="0 0 \d+ \d+"', page)
        printed = network.invitation(port, "wall?token=secret")
        assert f"Everyone in this network can use the studio at http://{network.address()}:{port}/" in printed
        assert f"http://{network.address()}:{port}/wall?token=secret" in printed
        assert "wall" not in page


def prepared(client, link):
    """What is answered for a link that is prepared."""
    body = link if isinstance(link, bytes) else json.dumps({"link": link})
    return client.post("/prepared-link", content=body)


def test_a_prepared_link_is_as_the_class_reaches_it():
    there = TestClient(Starlette(routes=network.routes(lan=True)), base_url="http://127.0.0.1:7860")
    here = TestClient(Starlette(routes=network.routes(lan=False)), base_url="http://127.0.0.1:7860")
    more = "?hide=model,settings#studio=eJy-_"
    answer = prepared(there, f"http://localhost:7860/{more}").json()
    assert answer["link"] == f"http://{network.address() or 'localhost'}:7860/{more}"
    assert re.search(r'<svg viewBox="0 0 \d+ \d+"', answer["code"])
    for link in (f"http://127.0.0.1:7860/{more}", f"https://studio.school.test/below/{more}"):
        assert prepared(here, link).json()["link"] == link
    assert (
        prepared(there, f"https://studio.school.test/below/{more}").json()["link"].startswith("https://studio.school")
    )
    long = f"http://127.0.0.1:7860/#studio={'A' * 2000}"
    assert prepared(here, long).json() == {"link": long, "code": None}


@pytest.mark.parametrize(
    "link",
    [
        b"",
        b"[" * 100_000,
        None,
        5,
        "",
        "javascript:alert(1)",
        "http://[",
        "http://",
        "http://a/\ud800",
        "http://a/" + "x" * 10_000,
    ],
)
def test_what_is_no_link_is_refused(link):
    client = TestClient(Starlette(routes=network.routes(lan=True)))
    answer = prepared(client, link)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("This is no link to the studio")


def test_many_requests_of_one_keep_nobody_waiting(port):
    """Thirty pictures for one address; one that is asked for after them, from another, comes before most."""

    def begin(come_from, seed):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120, source_address=(come_from, 0))
        body = json.dumps({"data": [[CROSS], "omniglot-attention", None, 1.0, seed, None, None, 0.0, 0.0, 1]})
        connection.request("POST", "/gradio_api/call/generate", body, {"Content-Type": "application/json"})
        event = json.loads(connection.getresponse().read())["event_id"]
        connection.request("GET", f"/gradio_api/call/generate/{event}")
        return connection

    with ExitStack() as held:
        many = [begin(HOSTILE, seed) for seed in range(30)]
        for connection in many:
            held.callback(connection.close)
        one = begin(PUPIL, 99)
        held.callback(one.close)
        assert "event: complete" in one.getresponse().read().decode()
        assert SERVICE._under_way[HOSTILE] > 15
    assert SERVICE._under_way[PUPIL] == 0


def test_without_the_flag_it_is_not_reached():
    demo = start()
    try:
        assert ask(demo.server_port, at="127.0.0.1")[0] == 200
        assert ask(demo.server_port, f"/{network.PATH}", at="127.0.0.1")[0] == 404
        with pytest.raises(OSError, match="refused"), socket.create_connection((ELSEWHERE, demo.server_port), 5):
            pass
    finally:
        demo.close(verbose=False)
