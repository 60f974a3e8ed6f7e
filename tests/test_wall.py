"""The wall's routes: who sees what, how much of it there may be, and what is refused."""

import json

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot import payload
from fewshot.interface import wall
from fewshot.tasks import OMNIGLOT

MODEL = "omniglot-attention"
STROKES = {"strokes": [[[20, 20], [85, 85]], [[85, 20], [20, 85]]]}


def pixels(number):
    """A drawing that no other number has."""
    image = np.zeros((OMNIGLOT.side, OMNIGLOT.side), np.uint8)
    image[5:9] = 1
    image[20, :16] = [number >> bit & 1 for bit in range(16)]
    return payload.pack_images(image, OMNIGLOT.channels)


def drawing(number=0, **other):
    return {
        "model": MODEL,
        "supports": [{"pixels": pixels(number)}],
        "picture": pixels(number + 1),
        "guidance": 0.5,
        "given": 0,
    } | other


@pytest.fixture
def the_wall():
    return wall.Wall()


def client_of(the_wall, come_from="10.0.0.1"):
    app = Starlette(routes=the_wall.routes)
    return TestClient(app, client=(come_from, 5000), follow_redirects=False)


@pytest.fixture
def pupil(the_wall):
    return client_of(the_wall)


@pytest.fixture
def teacher(the_wall):
    client = client_of(the_wall, "10.0.0.99")
    entered = client.get(f"/{the_wall.entrance}")
    assert (entered.status_code, entered.headers["location"]) == (303, "wall")
    return client


def test_a_drawing_comes_as_it_was_sent_and_the_token_leaves_the_address(pupil, teacher, the_wall):
    sent = pupil.post("/wall/drawings", json=drawing(7, supports=[{"pixels": pixels(7)}, STROKES]))
    assert (sent.status_code, sent.json()) == (200, {"said": "It is on the wall."})
    page = teacher.get("/wall")
    assert page.status_code == 200
    assert the_wall.token not in page.text
    for answer in (page, teacher.get(f"/{the_wall.entrance}"), teacher.get("/wall/drawings?known=0")):
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    news = teacher.get("/wall/drawings").json()
    assert news["numbers"] == [1]
    shown = news["drawings"]["1"]
    assert shown["picture"] == pixels(8)
    rendered = payload.pack_images(OMNIGLOT.read_strokes(STROKES["strokes"]), OMNIGLOT.channels)
    assert shown["supports"] == [{"pixels": pixels(7)}, {"pixels": rendered}]
    assert (shown["title"], shown["guidance"], shown["side"]) == ("Attention PixelCNN", 0.5, 26)
    assert "10.0.0" not in json.dumps(news)
    assert teacher.get(f"/wall/drawings?known={news['revision']}").status_code == 204


TEACHERS = [
    ("GET", "/wall", None),
    ("GET", "/wall/drawings", None),
    ("POST", "/wall/remove", {"numbers": [1]}),
    ("POST", "/wall/restore", None),
    ("POST", "/wall/share", {"number": 1}),
]


@pytest.mark.parametrize("token", ["", "wrong", "\u00e9", "x" * 5000])
@pytest.mark.parametrize(("method", "path", "body"), TEACHERS)
def test_without_the_token_nothing_of_the_teachers_is_answered(pupil, the_wall, method, path, body, token):
    pupil.post("/wall/drawings", json=drawing())
    headers = {"Cookie": f"{wall.COOKIE}={token}".encode("latin-1")}
    answer = pupil.request(method, path, json=body, headers=headers)
    assert (answer.status_code, answer.text) == (403, wall.REFUSED)
    assert pupil.get("/wall", params={"token": token}).status_code == 403
    assert the_wall.since(0)["numbers"] == [1]
    assert pupil.get("/wall/shared").status_code == 204


def test_everybody_may_take_what_the_teacher_shares_and_nothing_else(pupil, teacher):
    for number in (3, 5):
        pupil.post("/wall/drawings", json=drawing(number))
    pupil.post("/wall/drawings", json=drawing(9, supports=[]))
    assert teacher.post("/wall/share", json={"number": 2}).status_code == 204
    told = pupil.get("/wall/shared?known=0").json()
    assert told == {
        "sharing": 1,
        "drawing": {"task": OMNIGLOT.key, "model": MODEL, "supports": [{"pixels": pixels(5)}]},
    }
    assert pupil.get("/wall/shared?known=1").status_code == 204
    for nothing in (3, 4, -1):
        answer = teacher.post("/wall/share", json={"number": nothing})
        assert answer.status_code == 400
        assert answer.json()["error"] == "There is nothing of this drawing to share."
    teacher.post("/wall/share", json={"number": None})
    assert pupil.get("/wall/shared?known=1").json() == {"sharing": 2, "drawing": None}
    teacher.post("/wall/share", json={"number": 2})
    teacher.post("/wall/remove", json={"numbers": [2]})
    assert pupil.get("/wall/shared?known=3").json() == {"sharing": 4, "drawing": None}


def test_what_is_removed_comes_back_in_its_place(pupil, teacher):
    for number in range(4):
        pupil.post("/wall/drawings", json=drawing(number))
    known = teacher.get("/wall/drawings").json()["revision"]
    teacher.post("/wall/remove", json={"numbers": [2, 3, 77, "1", None]})
    news = teacher.get(f"/wall/drawings?known={known}").json()
    assert (news["numbers"], news["drawings"], news["removed"]) == ([1, 4], {}, 2)
    teacher.post("/wall/restore")
    news = teacher.get(f"/wall/drawings?known={news['revision']}").json()
    assert (news["numbers"], sorted(news["drawings"]), news["removed"]) == ([1, 2, 3, 4], ["2", "3"], 0)
    again = teacher.get("/wall/drawings?known=999999").json()  # of a studio that ran before
    assert len(again["drawings"]) == 4


def test_there_is_room_for_so_many_of_one_and_of_all(the_wall, teacher):
    first, *others = (client_of(the_wall, f"10.0.1.{n}") for n in range(7))
    for number in range(wall.MOST_OF_ONE):
        assert first.post("/wall/drawings", json=drawing(number)).json() == {"said": wall.SENT}
    assert first.post("/wall/drawings", json=drawing(5)).json() == {"said": "It is on the wall already."}
    one_more = first.post("/wall/drawings", json=drawing(1000)).json()
    assert one_more == {"said": "It is on the wall. Your oldest one there made room, as it takes 40 of each."}
    assert teacher.get("/wall/drawings").json()["numbers"] == list(range(2, wall.MOST_OF_ONE + 2))
    for other in others[:5]:
        for number in range(wall.MOST_OF_ONE):
            assert other.post("/wall/drawings", json=drawing(number)).status_code == 200
    refused = others[5].post("/wall/drawings", json=drawing())
    assert refused.status_code == 400
    assert refused.json() == {"error": "The wall is full, with 240 drawings: ask your teacher to clear it."}
    assert first.post("/wall/drawings", json=drawing(1001)).status_code == 200  # in place of one of its own
    numbers = teacher.get("/wall/drawings").json()["numbers"]
    assert len(numbers) == wall.MOST
    teacher.post("/wall/remove", json={"numbers": numbers})
    assert others[5].post("/wall/drawings", json=drawing()).status_code == 200
    teacher.post("/wall/restore")
    assert len(teacher.get("/wall/drawings").json()["numbers"]) == wall.MOST


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[" * 100_000,
        None,
        [],
        {},
        drawing(model="../../etc/passwd"),
        drawing(model=None),
        drawing(picture=None),
        drawing(picture="<script>"),
        drawing(picture=pixels(1)[:-4]),
        drawing(picture={"strokes": []}),
        drawing(supports=None),
        drawing(supports=[{"pixels": pixels(1)}] * 9),
        drawing(supports=[{"pixels": 5}]),
        drawing(supports=[{"strokes": [[["a", 1]]]}]),
        drawing(guidance=True),
        drawing(guidance=-1),
        drawing(guidance="1"),
        drawing(given=27),
        drawing(given=1.5),
        drawing(given=None),
        b'{"model": "omniglot-attention", "guidance": NaN}',
    ],
)
def test_what_is_no_drawing_is_refused_with_a_sentence(pupil, the_wall, sent):
    answer = pupil.post("/wall/drawings", content=sent if isinstance(sent, bytes) else json.dumps(sent))
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert the_wall.since(-1)["numbers"] == []


@pytest.mark.parametrize("body", [b"", b"null", b'{"numbers": 5}', b'{"number": "1"}', b"[" * 100_000])
@pytest.mark.parametrize("path", ["/wall/remove", "/wall/share"])
def test_a_teachers_damaged_request_does_nothing(pupil, teacher, the_wall, path, body):
    pupil.post("/wall/drawings", json=drawing())
    assert teacher.post(path, content=body).status_code == 204
    assert the_wall.since(0)["numbers"] == [1]
    assert the_wall.since(0)["shared"] is None
    assert teacher.get("/wall/drawings?known=-1").json()["numbers"] == [1]
    assert teacher.get("/wall/drawings?known=\u00b2").json()["numbers"] == [1]
