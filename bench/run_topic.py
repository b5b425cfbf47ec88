"""One topic in a process of its own: ``python -m bench.run_topic NAME OUTPUT ...``; ``python -m bench`` starts these."""

from __future__ import annotations

import argparse
import importlib
import json
import warnings
from dataclasses import replace
from pathlib import Path

from . import machine, report
from .cases import Result
from .topics import TOPICS, Wanted


def options() -> argparse.ArgumentParser:
    """What ``python -m bench`` hands on."""
    parser = argparse.ArgumentParser(prog="python -m bench.run_topic")
    parser.add_argument("topic", choices=TOPICS)
    parser.add_argument("output", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", nargs="*", default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--all", action="store_true")
    return parser


def main() -> None:
    """Pin, load the peers, run the topic's cases, write them."""
    given = options().parse_args()
    processors = machine.pin(given.threads)
    # Peers may warn of what they will drop one day; figures are all that is wanted here.
    warnings.simplefilter("ignore")
    from . import harness, peers
    from .timing import QUICK, Effort

    chosen = [name for name in peers.PEERS if name.startswith("ours") or not given.peers or name in given.peers]
    missing = peers.load(chosen)
    about = machine.machine()
    print(f"\n{given.topic} on {about['cpu']}, {about['isa']}, processors {processors}; microseconds, medians")
    for name, why in missing.items():
        print(f"without {name}: {why}")
    print(report.HEADER, flush=True)

    def show(result: Result) -> None:
        print(report.row(given.topic, result), flush=True)
        if given.all:
            print(report.everyone(result), flush=True)

    topic = importlib.import_module(f".bench_{given.topic}", __package__)
    wanted = Wanted(given.threads, given.only, given.quick, tuple(given.peers))
    effort = replace(QUICK if given.quick else Effort(), pause=0.005 if given.threads > 1 else 0.0)
    results = harness.run(topic.cases(wanted), effort, threads=given.threads, show=show)
    written = {
        "machine": about | {"versions": machine.versions()},
        "results": [report.as_json(result) for result in results],
    }
    given.output.write_text(json.dumps(written), encoding="utf-8")


if __name__ == "__main__":
    main()
