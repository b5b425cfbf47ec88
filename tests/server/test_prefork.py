"""examples/server under gunicorn --preload: the right bits under load, workers that come back, and no idle work."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sprat

EXAMPLE = Path(__file__).parents[2] / "examples" / "server"
WORKERS = 3
JSON, RAW = "application/json", "application/octet-stream"

pytestmark = pytest.mark.slow


class Server:
    """gunicorn in a process of its own, on a free port of the loopback interface."""

    def __init__(self, folder: Path) -> None:
        model = sprat.nn.MLP([16, 128, 128, 4], seed=0)
        sprat.save(model, folder / "model.safetensors")
        self.predict = sprat.Predictor(model)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", "127.0.0.1:0",
                 f"app:create('{folder / 'model.safetensors'}')"],
                cwd=EXAMPLE, stdout=log, stderr=subprocess.STDOUT,
                env=os.environ | {"WEB_CONCURRENCY": str(WORKERS), "SPRAT_NUM_THREADS": "2"},
            )  # fmt: skip
        self.port = int(
            self.wait(lambda: re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", self.log.read_text()))[1]
        )
        self.wait(lambda: len(self.workers()) == WORKERS)

    def wait(self, condition: Any, seconds: float = 60) -> Any:
        """What `condition` gives, as soon as it is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            if result := condition():
                return result
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def workers(self) -> set[int]:
        """Those of its children that live."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {pid for pid in map(int, path.read_text().split()) if _state(pid) not in "ZX"}

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, ({"Content-Type": kind} if kind else {}) | headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        status, body = self.request("GET", "/health")
        assert status == 200
        return json.loads(body)

    def check(self, x: np.ndarray, kind: str) -> None:
        """The answer to these rows has the bits of a predictor in this process."""
        body = x.tobytes() if kind == RAW else json.dumps({"rows": x.tolist()}).encode()
        status, answer = self.request("POST", "/predict", body, kind)
        assert status == 200, answer
        if kind == JSON:
            answer = np.array(json.loads(answer)["outputs"], np.float32).tobytes()
        assert answer == self.predict(x).tobytes()

    def load(self, threads: int, requests: int) -> None:
        """Requests of one row, some, and so many that a worker takes two threads; raw and JSON."""

        def client(seed: int) -> None:
            rng = np.random.default_rng(seed)
            for number in range(requests):
                rows = (1, 7, 1, 4000)[number % 4]
                x = rng.normal(size=(rows, 16)).astype(np.float32)
                self.check(x, RAW if rows > 7 or number % 3 else JSON)

        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(client, seed) for seed in range(threads)]:
                done.result(timeout=120)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _native_threads(pid: int) -> int:
    return [path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm")].count("sprat")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("gunicorn")
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.process.terminate()
    assert server.process.wait(timeout=60) == 0
    log = server.log.read_text()
    assert "Traceback" not in log, log
    assert "WORKER TIMEOUT" not in log, log


def test_right_bits_under_load(server: Server) -> None:
    server.load(threads=8, requests=24)


def test_the_model_was_loaded_before_the_fork(server: Server) -> None:
    health = server.health()
    assert health["loaded_by"] == server.process.pid
    assert health["worker"] in server.workers()
    assert (health["in_features"], health["out_features"], health["threads"]) == (16, 4, 2)


def test_children_of_a_parent_with_threads_take_two(server: Server) -> None:
    """The parent has run a large batch, on a pool that no child inherits: children make their own."""
    server.load(threads=6, requests=8)
    server.wait(lambda: any(_native_threads(pid) for pid in server.workers()) or server.load(2, 4))
    assert all(_native_threads(pid) <= 2 for pid in server.workers())  # two calls at once may each have made one


def test_idle_workers_burn_nothing(server: Server) -> None:
    server.load(threads=4, requests=4)
    time.sleep(0.2)
    pids = [server.process.pid, *server.workers()]
    before = [_cpu_seconds(pid) for pid in pids]
    time.sleep(2)
    assert max(_cpu_seconds(pid) - b for pid, b in zip(pids, before, strict=True)) <= 0.1


def test_killed_workers_come_back(server: Server) -> None:
    before = server.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    server.wait(lambda: len(server.workers()) == WORKERS and not server.workers() & before)
    server.load(threads=4, requests=8)
    assert server.health()["loaded_by"] == server.process.pid


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status", "error"),
    [
        ("GET", "/", None, None, 404, "no such page: /; there are /predict and /health"),
        ("GET", "/predict", None, None, 405, "/predict: wanted POST, got GET"),
        ("POST", "/predict", b"1", "text/plain", 415, "Content-Type: wanted application/json or .*, got text/plain"),
        ("POST", "/predict", b"12345", RAW, 400, "body: wanted rows of 64 bytes, got 5 bytes"),
        ("POST", "/predict", b"", RAW, 400, "body: wanted rows of 64 bytes, got 0 bytes"),
        ("POST", "/predict", b'{"rows": [[1, 2]]}', JSON, 400, r"body: wanted .*16 numbers.* got .* shape \(1, 2\)"),
        ("POST", "/predict", b'{"rows": [[' + b"1," * 15 + b'"1"]]}', JSON, 400, "body: wanted"),
        ("POST", "/predict", b'{"rows": [[' + b"1," * 15 + b"1e99]]}", JSON, 400, "got one that is not finite in float32"),
        ("POST", "/predict", b'{"rows": [[' + b"1," * 15 + b"NaN]]}", JSON, 400, "body: wanted"),
        ("POST", "/predict", b'{"rows": [[' + b"3e38," * 15 + b"3e38]]}", JSON, 422, "an output is not finite"),
        ("POST", "/predict", b'{"rows": [[' + b"1," * 15 + b"null]]}", JSON, 400, "body: wanted"),
        ("POST", "/predict", b'{"rows": [[' + b"1," * 15 + b"1" * 400 + b"]]}", JSON, 400, "body: wanted"),
        ("POST", "/predict", b"[" * 100_000, JSON, 400, "body: wanted"),
        ("POST", "/predict", b"\xff", JSON, 400, "body: wanted"),
        ("POST", "/predict", b"{}", JSON, 400, "body: wanted"),
    ],
)  # fmt: skip
def test_what_is_refused(
    server: Server, method: str, path: str, body: bytes | None, kind: str | None, status: int, error: str
) -> None:
    got, answer = server.request(method, path, body, kind)
    assert got == status
    (line,) = json.loads(answer).values()
    assert re.search(error, line), line
    assert "\n" not in line


def test_a_body_that_is_too_long_is_not_read(server: Server) -> None:
    status, answer = server.request("POST", "/predict", b"1", RAW, **{"Content-Length": str(2**40)})
    assert status == 413
    assert json.loads(answer) == {"error": f"body: wanted at most {16 * 2**20} bytes, got {2**40}"}


def test_the_load_script(server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "load.py", "--port", str(server.port), "--threads", "2", "--seconds", "0.5"],
        cwd=EXAMPLE, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ answers, \d+ a second\np50 [\d.]+ ms, p99 [\d.]+ ms, p99\.9 [\d.]+ ms\n", done.stdout)
