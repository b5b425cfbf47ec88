"""Puts a server under load: so many threads, one connection each, one row a request. Prints latencies and answers a second."""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time

import numpy as np


def client(host: str, port: int, until: float, latencies: list[float]) -> None:
    """Requests one after the other, on one connection, until then."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request("GET", "/health")
    row = np.zeros(json.load(connection.getresponse())["in_features"], "<f4").tobytes()
    while time.perf_counter() < until:
        begin = time.perf_counter()
        connection.request("POST", "/predict", row, {"Content-Type": "application/octet-stream"})
        response = connection.getresponse()
        body = response.read()
        latencies.append(time.perf_counter() - begin)
        if response.status != 200:
            raise SystemExit(body.decode())
    connection.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()

    per_thread: list[list[float]] = [[] for _ in range(arguments.threads)]
    until = time.perf_counter() + arguments.seconds
    clients = [threading.Thread(target=client, args=(arguments.host, arguments.port, until, own)) for own in per_thread]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    milliseconds = 1e3 * np.concatenate(per_thread)
    if milliseconds.size == 0:
        raise SystemExit("no answer")
    p50, p99, p999 = np.percentile(milliseconds, [50, 99, 99.9])
    print(f"{milliseconds.size} answers, {milliseconds.size / arguments.seconds:.0f} a second")
    print(f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms")


if __name__ == "__main__":
    main()
