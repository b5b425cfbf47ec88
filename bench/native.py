"""Small native helpers of the benchmarks, built on demand with the system's compiler; they know nothing of sprat's sources."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


@functools.cache
def library(source: str) -> ctypes.CDLL | None:
    """The library of a C++ file of this folder, built when its text is new; None, and a line, without a compiler."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "c++", "g++", "clang++"))), None)
    if compiler is None:
        print(f"no C++ compiler: what needs {source} is left out", file=sys.stderr)
        return None
    path = HERE / source
    key = hashlib.sha256(path.read_bytes() + compiler.encode()).hexdigest()[:12]
    built = _folder() / f"{path.stem}-{key}.so"
    if not built.exists():
        fresh = built.with_suffix(f".{os.getpid()}.so")
        command = [compiler, "-O2", "-std=c++20", "-shared", "-fPIC", str(path), "-o", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"{' '.join(command)} failed: what needs it is left out\n{done.stderr[:500]}", file=sys.stderr)
            return None
        fresh.replace(built)
    return ctypes.CDLL(str(built))


@functools.cache
def _folder() -> Path:
    """build/ of the repository, or a temporary one where that cannot be written."""
    folder = HERE.parent / "build" / "bench"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="sprat-bench-"))
    return folder if os.access(folder, os.W_OK) else Path(tempfile.mkdtemp(prefix="sprat-bench-"))
