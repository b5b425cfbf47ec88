"""A WSGI application that answers with a model's outputs: ``gunicorn --preload "app:create('model.safetensors')"``.

``POST /predict`` takes rows as JSON, ``{"rows": [[...], ...]}``, or as raw little-endian float32 numbers
(``Content-Type: application/octet-stream``), and answers in kind. ``GET /health`` says what is served, and by whom.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import sprat

JSON, RAW = "application/json", "application/octet-stream"
Start = Callable[[str, list[tuple[str, str]]], object]


class Refused(Exception):
    """A request that cannot be answered: its status, and one line that says why."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status


class Application:
    """One predictor, shared by all threads of a worker; its memory by all workers that are forked from here."""

    def __init__(self, path: str, max_bytes: int = 16 * 2**20) -> None:
        self.predict = sprat.Predictor(path)
        self.max_bytes = max_bytes
        self.loaded_by = os.getpid()
        # The first request of a worker finds pages and code warm.
        self.predict(np.zeros((4096, self.predict.in_features), self.predict.dtype))

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        kind = JSON
        try:
            status, kind, body = "200 OK", *self.answer(environ)
        except Refused as refused:
            status, body = refused.status, json.dumps({"error": str(refused)}).encode()
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def answer(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        """Content type and body."""
        route = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if route == ("GET", "/health"):
            return JSON, json.dumps(self.health()).encode()
        if route != ("POST", "/predict"):
            known = {"/health": "GET", "/predict": "POST"}.get(route[1])
            if known is None:
                raise Refused("404 Not Found", f"no such page: {route[1]}; there are /predict and /health")
            raise Refused("405 Method Not Allowed", f"{route[1]}: wanted {known}, got {route[0]}")
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if kind not in (JSON, RAW):
            raise Refused("415 Unsupported Media Type", f"Content-Type: wanted {JSON} or {RAW}, got {kind or 'none'}")
        body = self.body(environ)
        if kind == RAW:
            return RAW, self.predict(self.rows_of_bytes(body)).astype("<f4", copy=False).tobytes()
        outputs = self.predict(self.rows_of_json(body))
        if not np.isfinite(outputs).all():
            raise Refused("422 Unprocessable Entity", f"an output is not finite, which JSON cannot say; ask for {RAW}")
        return JSON, json.dumps({"outputs": outputs.tolist()}).encode()

    def health(self) -> dict[str, Any]:
        """What is served, and by which process."""
        return {
            "in_features": self.predict.in_features, "out_features": self.predict.out_features,
            "isa": sprat.runtime.isa(), "threads": sprat.runtime.num_threads(),
            "worker": os.getpid(), "loaded_by": self.loaded_by,
        }  # fmt: skip

    def body(self, environ: dict[str, Any]) -> bytes:
        """The body of a request, as long as it said."""
        try:
            length = int(environ.get("CONTENT_LENGTH") or "")
        except ValueError:
            raise Refused("411 Length Required", "Content-Length: wanted the number of bytes of the body") from None
        if not 0 <= length <= self.max_bytes:
            raise Refused("413 Content Too Large", f"body: wanted at most {self.max_bytes} bytes, got {length}")
        body = environ["wsgi.input"].read(length)
        if len(body) != length:
            raise Refused("400 Bad Request", f"body: wanted {length} bytes, got {len(body)}")
        return bytes(body)

    def rows_of_bytes(self, body: bytes) -> np.ndarray[Any, Any]:
        """(rows, in_features), without a copy."""
        row = 4 * self.predict.in_features
        if len(body) == 0 or len(body) % row:
            raise Refused("400 Bad Request", f"body: wanted rows of {row} bytes, got {len(body)} bytes")
        return np.frombuffer(body, "<f4").reshape(-1, self.predict.in_features)

    def rows_of_json(self, body: bytes) -> np.ndarray[Any, Any]:
        """(rows, in_features), every number finite in float32."""
        wanted = f'wanted {{"rows": [[{self.predict.in_features} numbers], ...]}}'
        try:
            rows = json.loads(body)["rows"]
            with np.errstate(over="ignore"):
                x = np.array(rows, np.float32)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            raise Refused("400 Bad Request", f"body: {wanted}") from None
        if x.ndim != 2 or len(x) == 0 or x.shape[1] != self.predict.in_features or not _numbers(rows):
            raise Refused("400 Bad Request", f"body: {wanted}, got an array of shape {x.shape}")
        if not np.isfinite(x).all():
            raise Refused("400 Bad Request", f"body: {wanted}, got one that is not finite in float32")
        return x


def _numbers(rows: list[list[Any]]) -> bool:
    """NumPy would read "1" and true as numbers too."""
    return all(type(value) in (int, float) and not math.isnan(value) for row in rows for value in row)


def create(path: str) -> Application:
    """What gunicorn asks for: with ``--preload`` it is called once, before the workers are forked."""
    return Application(path)
