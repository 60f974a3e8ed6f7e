"""What anybody may send to the running studio: each request is answered in a sentence, and nothing of it stays."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import anyio
import numpy as np
import pytest
from PIL import Image

from fewshot.interface import service
from fewshot.interface.service import Service
from fewshot.interface.workers import Asker
from tests.mutations import mutated
from tests.test_drawing import CHARACTER, draw, file
from tools.load import family, megabytes
from tools.sessions import growth

ROOT = Path(__file__).resolve().parents[1]
BODIES = int(os.environ.get("HOSTILE_BODIES", "120"))  # mutated ones; 500 show more, and take longer
CROSS = {"strokes": [[[20, 20], [85, 85]], [[85, 20], [20, 85]]]}
PIXELCNN = "omniglot-pixelcnn"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """app.py as a process of its own: its address, its process, its log, and the folder for its temporary files."""
    folder, log = tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("log") / "log"
    environment = os.environ | {"TMPDIR": str(folder), "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0"], cwd=ROOT, stdout=said, stderr=said, env=environment
        )
    try:
        deadline = time.monotonic() + 240
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        urllib.request.urlopen(found[0]).close()
        time.sleep(1)  # until the browser that it opens, which ends at once, is no child of it any more
        yield SimpleNamespace(url=found[0], process=process, pids=family(process.pid), log=log, folder=folder)
    finally:
        process.kill()
        process.wait(30)


def seconds_of(pids: list[int]) -> float:
    """The processor's time that processes have had."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


def send(url: str, body: bytes, kind: str = "application/json") -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def call(url: str, name: str, body: bytes) -> tuple[int, bytes]:
    """As a program calls: the answer to a body, and if that is accepted, all that comes after it."""
    status, answer = send(f"{url}/gradio_api/call/{name}", body)
    if status == 200:
        event = json.loads(answer)["event_id"]
        with urllib.request.urlopen(f"{url}/gradio_api/call/{name}/{event}", timeout=120) as events:
            return status, events.read()
    return status, answer


def test_mutated_bodies_are_answered_in_a_sentence_each(studio):
    rng, url, pids = np.random.default_rng(0), studio.url, studio.pids
    with urllib.request.urlopen(f"{url}/config") as answer:
        config = json.load(answer)
    ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    turned = next(each["id"] for each in config["dependencies"] if each["inputs"] == [ids["task"]])
    along = {"supports": [CROSS], "shots": None, "model": PIXELCNN, "temperature": 1.0, "seed": 1, "guidance": 0.5}
    influence = {"model": "omniglot-conditional", "supports": "A" * 116, "shots": 1, "image": "A" * 116}
    influence |= {"row": 3, "column": 4, "inner_steps": None}
    vary = {"pad": {"supports": [CROSS], "shots": None}, "tray": None, "model": PIXELCNN, "guidance": 0.0}
    vary |= {"temperature": 1.0, "seed": None, "inner_steps": None, "samples": 2}
    read = {name: value for name, value in vary.items() if name not in ("model", "samples")} | {"models": [PIXELCNN]}
    seen = {"pixels": "A" * 116}
    save = {"format": "png", "model": PIXELCNN, "supports": [CROSS], "beginning": None, "seed": 3, "temperature": 1.0}
    save |= {"guidance": 0.0, "cut": 0.0, "inner_steps": None}
    project = {"kind": "few-shot studio", "version": 1, "task": "omniglot", "model": PIXELCNN, "supports": [CROSS]}
    project |= {"shots": 1, "beginning": None, "view": {"position": 300, "locked": 5}}
    project |= {"settings": {"seed": 3, "temperature": 0.9, "guidance": 0.5, "inner_steps": 2}}

    def to_part(part: str, name: str, wish: object) -> dict:
        return {"data": wish, "component_id": ids[part], "fn_name": name, "session_hash": "x"}

    seeds = [
        ("gradio_api/call/generate", {"data": [[CROSS], PIXELCNN, None, 1.0, 0, None, None, 0.0, 0.0, 1]}),
        ("gradio_api/call/render_strokes", {"data": [CROSS["strokes"]]}),
        ("gradio_api/call/read_picture", {"data": [{"path": "/x/y.png", "meta": {"_type": "gradio.FileData"}}]}),
        ("gradio_api/component_server", to_part("pad", "preview", CROSS)),
        ("gradio_api/component_server", to_part("pad", "trace", {"task": "omniglot", **seen})),
        ("gradio_api/component_server", to_part("player", "influence", influence)),
        ("gradio_api/component_server", to_part("player", "open_project", project)),
        ("gradio_api/component_server", to_part("photos", "preview_photo", {"task": "mirror", "picture": "AAAA"})),
        ("gradio_api/run/predict", {"data": ["omniglot"], "fn_index": turned, "session_hash": "x"}),
        ("gradio_api/queue/join", {"data": [1], "fn_index": 1, "session_hash": "y", "event_data": None}),
        ("gradio_api/cancel", {"session_hash": "x", "fn_index": 1, "event_id": "z"}),
        ("draw", vary),
        ("along", along),
        ("variations", vary),
        ("compare", read),
        ("score", read | {"drawing": seen}),
        ("recognise", read | {"drawing": seen, "sets": [[seen], [seen, seen]]}),
        ("take-home", save),
    ]

    def ask(path: str, body: bytes) -> tuple[int, bytes]:
        place, _, name = path.rpartition("/")
        return call(url, name, body) if place == "gradio_api/call" else send(f"{url}/{path}", body)

    for path, seed in seeds:  # once as they are: what is allocated for good, is now
        assert ask(path, json.dumps(seed).encode())[0] in (200, 404), path
    slowest, before = 0.0, sum(megabytes(pids))
    for k in range(BODIES):
        path, seed = seeds[k % len(seeds)]
        body = json.dumps(mutated(seed, rng)).encode()
        if k % 7 == 0:  # no JSON any more
            at = rng.integers(len(body))
            body = body[:at] + rng.bytes(2) + body[at + 2 :]
        start = seconds_of(pids)
        status, answer = ask(path, body)
        slowest = max(slowest, seconds_of(pids) - start)
        assert status in (200, 400, 404, 413, 422, 500), (status, path, body)
        for hidden in (b'"error": null', b"show_error", b"Traceback", b"site-packages"):
            assert hidden not in answer, (hidden, path, body, answer)
        assert "Traceback" not in studio.log.read_text(), (path, body)
    assert slowest < 2
    assert sum(megabytes(pids)) - before < 60
    status, answer = ask(*seeds[0][:1], json.dumps(seeds[0][1]).encode())
    assert (status, b"event: complete" in answer) == (200, True)


def test_deep_and_long_bodies_are_refused_at_once(studio):
    start = seconds_of(studio.pids)
    for path in ("gradio_api/call/generate", "gradio_api/component_server", "gradio_api/queue/join"):
        for body in (b"[" * 100_000, b'{"data":' * 20_000, b'{"data": [' + b"[[1,2]]," * 1_000_000):
            status, _ = send(f"{studio.url}/{path}", body)
            assert status in (400, 413, 422)
    for path in ("variations", "take-home"):
        assert b"did not arrive" in send(f"{studio.url}/{path}", b"[" * 100_000)[1]
        assert send(f"{studio.url}/{path}", b" " * 1_000_001)[0] == 413
        assert send(f"{studio.url}/{path}", b" " * 15_000_000)[0] == 413  # and who is still sending reads so
    assert seconds_of(studio.pids) - start < 4
    assert "Traceback" not in studio.log.read_text()


def uploaded_as(name: str, content: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--x--\r\n"


def test_uploads_leave_no_file_behind(studio):
    body, kind = uploaded_as("a.png", file(draw(CHARACTER))), "multipart/form-data; boundary=x"
    _, answer = send(f"{studio.url}/gradio_api/upload", body, kind)
    (path,) = json.loads(answer)
    assert Path(path).is_relative_to(studio.folder)
    wish = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    _, answer = call(studio.url, "read_picture", json.dumps(wish).encode())
    assert b"pixels" in answer
    with socket.create_connection(("127.0.0.1", int(studio.url.rpartition(":")[2]))) as cut:
        head = (
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: 100000\r\n"
        )
        cut.sendall(head.encode() + b"\r\n" + body[:3000])
    send(f"{studio.url}/gradio_api/cancel", b"{}")  # later than that
    left = [f for f in studio.folder.rglob("*") if f.is_file() and f.name != "lock"]
    assert left == []


def test_the_folder_goes_with_the_studio_and_that_of_a_killed_one_with_the_next(tmp_path):
    make = "from temporary import own_folder; print(own_folder(), flush=True); "
    beside = ROOT / "fewshot" / "interface"  # without the package, which loads much that is not needed here
    environment = os.environ | {"TMPDIR": str(tmp_path)}

    def started(then: str) -> subprocess.Popen:
        command, pipes = [sys.executable, "-c", make + then], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(command, cwd=beside, env=environment, **pipes)

    def folder_of(process: subprocess.Popen) -> Path:
        return Path(process.stdout.readline().decode().strip())

    running = started("input()")
    folders = [folder_of(running)]  # before the other is killed, as it would clear away what that leaves
    killed = started("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    folders.append(folder_of(killed))
    killed.wait(120)
    assert all(folder.is_dir() for folder in folders)
    assert started("").wait(120) == 0
    assert [folder.is_dir() for folder in folders] == [True, False]
    running.kill()
    running.wait(30)
    assert started("").wait(120) == 0
    assert list(tmp_path.iterdir()) == []


def test_many_sessions_take_no_more_memory_than_few(studio):
    """``python -m tools.sessions`` asks for a thousand."""
    assert growth(f"{studio.url}/", studio.process.pid, 20, first=5) < 30  # 3 MB each once stayed


def test_a_drawing_does_not_wait_for_the_previews_of_many_pictures(monkeypatch):
    own, image = Service(), Image.effect_noise((1000, 1000), 40)
    wish = {"task": "mirror", "picture": base64.b64encode(file(image, "JPEG")).decode()}
    along = {"supports": [CROSS], "shots": None, "model": PIXELCNN, "temperature": 1.0, "seed": 1}
    own.draw_along(along)  # now the model is loaded
    done, read_meanwhile = [], []

    async def preview() -> None:
        done.append(await own.preview_photo(wish))

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(preview)
            while not done:
                await anyio.sleep(0.01)
            before = len(done)
            await anyio.to_thread.run_sync(own.draw_along, along)
            read_meanwhile.append(len(done) - before)

    monkeypatch.setattr(service, "READ_ANYWAY", 60)
    anyio.run(both)
    assert read_meanwhile[0] < 5  # of 11: some may be before the first row, and one after the last
    assert all("pixels" in answer for answer in done)
    assert own.turns._waiting == []

    monkeypatch.setattr(service, "READ_ANYWAY", 0.01)
    rows = own.draw({"supports": [CROSS], "shots": None}, None, PIXELCNN, 0.0, 1.0, 7, 1)
    next(rows)  # and no more: a picture that is never finished
    assert "pixels" in anyio.run(own.preview_photo, wish)


def test_the_previews_of_one_client_do_not_keep_others_waiting():
    own, done = Service(), []
    wish = {"task": "mirror", "picture": base64.b64encode(file(Image.effect_noise((300, 300), 40), "JPEG")).decode()}

    async def preview(client: str) -> None:
        assert "pixels" in await own.preview_photo(wish, Asker(client))
        done.append(client)

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(preview, "many")
            while not own.previews.borrowed_tokens:
                await anyio.sleep(0)
            before = len(done)
            await preview("one")
            assert len(done) - before <= 3  # the one that was being read, that of the other, and perhaps one more

    anyio.run(all_of_them)
    assert len(done) == 13
    assert not own.previews_of


def test_at_sigterm_the_temporary_files_go(studio):
    studio.process.send_signal(signal.SIGTERM)
    assert studio.process.wait(60) == 0
    assert list(studio.folder.iterdir()) == []
    assert "Traceback" not in studio.log.read_text()
