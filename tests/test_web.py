"""The page's scripts without a page: types, style, the modules that need no page, and what no module may know."""

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import fewshot
from fewshot import FewShotModel, checkpoints, payload
from fewshot.export import web
from fewshot.interface import scripts
from fewshot.models import MODELS
from fewshot.tasks import TASKS
from tests.conftest import small_network

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(web.WEB.rglob("*.js"))
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_packages = pytest.mark.skipif(
    shutil.which("npm") is None or not (ROOT / "node_modules").is_dir(), reason="npm ci was not run"
)


@needs_packages
@pytest.mark.parametrize("check", ["types", "lint"])
def test_types_and_style(check):
    run = subprocess.run(["npm", "run", "--silent", check], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@needs_node
def test_modules_that_need_no_page():
    files = sorted(map(str, (ROOT / "tests" / "web").glob("*.test.js")))
    run = subprocess.run(["node", "--test", *files], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("root", ["", "/below"])
@pytest.mark.parametrize("stripped", [False, True])
def test_scripts_are_served_below_another_path_too(root, stripped):
    """Whether or not a proxy takes the path away; never from an old copy, and sent once only."""
    app = Starlette(routes=[scripts.ROUTE])

    async def below(scope, receive, send):
        await app(scope | {"root_path": root}, receive, send)

    client = TestClient(below)
    address = f"{'' if stripped else root}/{scripts.PATH}/"
    for name, text in (("player.js", web.read("player.js")), ("page.js", scripts.MADE["page.js"])):
        answer = client.get(f"{address}{name}")
        assert answer.text == text
        # Either is JavaScript to a browser; which one it is depends on whether Gradio was started before.
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "application/javascript")
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(f"{address}{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
    for missing in ("nothing.js", "../studio.py", "%2e%2e/studio.py", ""):
        assert client.get(address + missing).status_code == 404


# A golden chunk, there and back --------------------------------------------------------------------------------------


OWN = FewShotModel(small_network("attention", own=True), {"task": "omniglot"}, "own drawing")
GOLDEN = ["omniglot-attention", "omniglot-attentive-meta", "omniglot-pixelcnn", "mirror-attention", OWN.name]


@needs_node
@pytest.mark.parametrize("name", GOLDEN)
def test_a_chunk_from_python_is_read_by_javascript_and_back(name):
    model = OWN if name == "own drawing" else fewshot.load(name)
    supports = next(iter(model.task.ready_made(model.side).values()))[: min(3, model.task.most_shots)]
    chunk = payload.pack(model.generate(supports, seed=1), "golden")
    read = json.loads(
        subprocess.run(
            ["node", str(ROOT / "tests" / "web" / "golden.js")],
            input=json.dumps(chunk),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    expected, arrays = payload.unpack(chunk), {name: np.array(array) for name, array in read["arrays"].items()}
    np.testing.assert_array_equal(arrays["image"], expected["image"].ravel())
    np.testing.assert_array_equal(arrays["chance"].astype(np.float32), expected["probabilities"])
    np.testing.assert_array_equal(arrays["before"].astype(np.float32), expected["probabilities_before"])
    np.testing.assert_array_equal(arrays["shares"].astype(np.float32), expected["shares"].ravel())
    np.testing.assert_array_equal(arrays["ownShares"].astype(np.float32), expected["own_shares"].ravel())
    assert (expected["own_shares"].sum() > 0) == (name == OWN.name)
    np.testing.assert_array_equal(read["supports"], supports.ravel())
    again = payload.unpack(chunk | {"data": read["data"]})
    for field, array in expected.items():
        np.testing.assert_array_equal(again[field], array)
    if not model.in_colour:
        (image,) = payload.unpack_images(read["bits"], model.task, model.side)
        np.testing.assert_array_equal(image.ravel(), expected["image"])


# What no module may know ---------------------------------------------------------------------------------------------

# Strings, templates and comments are one token each.
TOKENS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)"""
    r"""|(?P<name>[A-Za-z_$][\w$]*)|(?P<space>\s+)|(?P<other>===|!==|==|!=|.)""",
    re.DOTALL,
)


def tokens(text: str) -> list[tuple[str, str]]:
    """The kind and text of each token of a script, without spaces and comments."""
    found = [(str(match.lastgroup), match[0]) for match in TOKENS.finditer(text)]
    return [(kind, token) for kind, token in found if kind not in ("space", "comment")]


def test_the_walk_sees_names_in_strings_and_keys():
    found = tokens('if (task === "mirror") {} // "meta"\nconst x = {meta: `omniglot-${1}`};')
    assert ("string", '"mirror"') in found
    assert ("name", "meta") in found
    assert ("string", '"meta"') not in found
    assert ("string", "`omniglot-${1}`") in found


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_no_module_names_a_task_or_a_model(file):
    """Neither in a string, where it could be compared, nor as a key, where it could be looked up."""
    names = {*TASKS, *MODELS, *checkpoints.shipped()}
    prefixes = tuple(f"{task}-" for task in TASKS)
    for kind, token in tokens(file.read_text(encoding="utf-8")):
        said = token.strip("\"'`") if kind == "string" else ""
        assert said not in names, f"{file.name}: {token}"
        assert not said.startswith(prefixes), f"{file.name}: {token}"
    keys = re.findall(r"[{,]\s*([\w-]+|\"[\w-]+\"):", file.read_text(encoding="utf-8"))
    assert not names & {key.strip('"') for key in keys}


def test_only_one_module_knows_gradio():
    for file in MODULES:
        text = file.read_text(encoding="utf-8").replace("engine-gradio.js", "").lower()
        assert ("gradio" in text) == (file.name == "engine-gradio.js"), file.name


JAVASCRIPT = re.compile(r"=>|\bdocument\.|\bwindow\.|\bfunction\s*\(|\bconst ")


def test_no_script_of_more_than_a_line_is_in_python():
    for file in sorted((ROOT / "fewshot").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            texts = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            if isinstance(node, ast.JoinedStr):
                texts = ["".join(part.value for part in node.values if isinstance(part, ast.Constant))]
            for text in texts:
                is_script = JAVASCRIPT.search(text) and not text.lstrip().startswith("<")
                assert not (is_script and "\n" in text.strip()), f"{file}: {text[:80]}"
