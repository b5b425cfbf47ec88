"""The command line: ``python -m bench [TOPIC ...]``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import machine, regression, report
from .cases import Result
from .topics import TOPICS


def parser() -> argparse.ArgumentParser:
    """All options."""
    made = argparse.ArgumentParser(
        prog="python -m bench", description="sprat beside the best peers and the limits of the machine, in one run."
    )
    made.add_argument("topics", nargs="*", metavar="TOPIC", help=f"all by default: {', '.join(TOPICS)}")
    made.add_argument("--threads", type=int, default=1, help="of every candidate (default 1)")
    made.add_argument("--only", default="", help='run the cases whose name contains this ("A, 1 row|B, 1 row": any)')
    made.add_argument("--peers", nargs="+", default=[], metavar="PEER", help="these alone, e.g. numpy torch")
    made.add_argument("--quick", action="store_true", help="fewer and shorter blocks, thinner sweeps")
    made.add_argument("--all", action="store_true", help="show every candidate, not the best peer alone")
    made.add_argument("--json", type=Path, metavar="DIR", help="write DIR/<machine>.json; cases not run now are kept")
    made.add_argument("--plot", type=Path, metavar="DIR", help="draw the sweeps there (needs matplotlib)")
    made.add_argument("--check", type=Path, metavar="FILE", help="compare with stored figures; status 1 if worse")
    made.add_argument("--tolerance", type=float, default=regression.TOLERANCE, help="of --check (default 0.15)")
    made.add_argument("--show", type=Path, metavar="FILE", help="show stored figures and run nothing")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run topics, show, store, compare. Status 1 when something computed wrongly or became worse."""
    given = parser().parse_args(argv)
    unknown = [topic for topic in given.topics if topic not in TOPICS]
    if unknown:
        parser().error(f"there is no topic {unknown[0]!r}; there are {', '.join(TOPICS)}")
    about: dict[str, Any]
    if given.show:
        about, topics = report.read(given.show)
        topics = {name: results for name, results in topics.items() if not given.topics or name in given.topics}
        for name, results in topics.items():
            print(f"\n{name}\n{report.HEADER}")
            for result in results:
                print(report.row(name, result))
                if given.all:
                    print(report.everyone(result))
    else:
        about, topics = run(given)
    print("\n" + report.summary(topics))
    if given.json and topics:
        target = given.json / f"{machine.machine_name(about)}.json"
        report.write(target, about, topics)
        print(f"written to {target}")
    if given.plot:
        from . import plots

        for path in plots.draw(topics, given.plot):
            print(f"drawn: {path}")
    status = int(any(result.wrong for results in topics.values() for result in results))
    if given.check:
        status |= check(given.check, about, topics, given.tolerance)
    return status


def run(given: argparse.Namespace) -> tuple[dict[str, Any], dict[str, list[Result]]]:
    """Each topic in a fresh process, so that no library's threads and memory disturb another topic."""
    topics: dict[str, list[Result]] = {}
    about: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for topic in given.topics or TOPICS:
            output = Path(folder, f"{topic}.json")
            threads = max(2, given.threads) if topic == "threads" else given.threads
            if threads > len(os.sched_getaffinity(0)) and not given.topics:
                print(f"\n{topic} is left out: it wants {threads} processors")
                continue
            command = [sys.executable, "-m", f"{__package__}.run_topic", topic, str(output), "--only", given.only]
            command += ["--threads", str(threads), *(["--quick"] if given.quick else [])]
            command += [*(["--all"] if given.all else []), *(["--peers", *given.peers] if given.peers else [])]
            environment = machine.environment(threads, os.environ)
            root = str(Path(__file__).parents[1])
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
            done = subprocess.run(command, env=environment, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{topic} ended with status {done.returncode}")
            written = json.loads(output.read_text(encoding="utf-8"))
            versions = about.get("versions", {}) | written["machine"]["versions"]
            about = written["machine"] | {"threads": given.threads, "versions": versions}
            topics[topic] = [report.from_json(result) for result in written["results"]]
    return about, topics


def check(path: Path, about: dict[str, Any], topics: dict[str, list[Result]], tolerance: float) -> int:
    """Say which ratios became worse; 1 if any did, or if the figures are another machine's."""
    stored_about, stored = report.read(path)
    if machine.machine_name(stored_about) != machine.machine_name(about):
        print(f"{path} is of {machine.machine_name(stored_about)}, this is {machine.machine_name(about)}")
        return 1
    worse = regression.compare(stored, topics, tolerance)
    print(f"beside {path}: {len(worse)} case{'s' * (len(worse) != 1)} worse by more than {tolerance:.0%}")
    for line in worse:
        print(f"  {line}")
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
