"""The studio's start: with any proxy in the environment, on any free port."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_it_starts_with_a_proxy_in_the_environment_on_a_free_port(name, tmp_path):
    said = tmp_path / "said"
    environment = os.environ | {name: "socks5://127.0.0.1:9", "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    with said.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0"], cwd=ROOT, stdout=file, stderr=file, env=environment
        )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None and "127.0.0.1:" not in said.read_text():
            time.sleep(0.2)
        port = re.search(r"http://127\.0\.0\.1:(\d+)", said.read_text())
        assert port, said.read_text()
        assert int(port[1]) not in (0, 7860)
    finally:
        process.terminate()
        process.wait(30)
