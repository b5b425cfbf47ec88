"""What a search has done, in a folder: every trained candidate as a file, every event as a line of ``journal.jsonl``.

A line is appended after its file is safe on the disk; a run that was killed is read back up to its last whole line. The
first line says what the search is of: other data, another model or another seed are refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...nn import MLP

FORMAT = 1
_JOURNAL, _MODELS = "journal.jsonl", "candidates"
# What lines have to hold.
_KEYS = {"trained": {"name", "step", "file", "seconds"}, "rate": {"lr", "tried"}}
_OTHER: set[str] = set()


class Journal:
    """The memory of a search; without a folder it lasts as long as the object.

    Parameters
    ----------
    folder : path or None
    identity : dict
        What the search is of, see :func:`identity`.
    resume : bool
        Take over what the folder holds. Else what an earlier search left there is removed.

    Raises
    ------
    ValueError
        One line: the folder belongs to other data, another model or another seed, or its journal is none of ours.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, identity: dict[str, Any], resume: bool) -> None:
        self.folder = None if folder is None else Path(folder)
        self._trained: dict[tuple[str, str], dict[str, Any]] = {}
        self._models: dict[tuple[str, str], MLP] = {}
        self._facts: dict[str, dict[str, Any]] = {}
        self.resumed = 0
        if self.folder is None:
            return
        path = self.folder / _JOURNAL
        self.folder.mkdir(parents=True, exist_ok=True)
        events = _events(path) if path.exists() else None  # before anything is removed: it may be somebody else's
        if resume and events:
            self._take_over(events, identity)
        elif events is not None:
            path.unlink()  # a resumed one has lost even its first line
            shutil.rmtree(self.folder / _MODELS, ignore_errors=True)
        (self.folder / _MODELS).mkdir(exist_ok=True)
        if not path.exists():
            self.note("search", format=FORMAT, **identity)

    def trained(self, name: str, step: str) -> tuple[MLP, dict[str, Any]] | None:
        """A candidate after a step of its training ("rung 2"), and what was noted about it."""
        entry = self._trained.get((name, step))
        if entry is None:
            return None
        if (name, step) in self._models:
            return self._models[name, step], entry
        from ...errors import FormatError
        from ...io import load

        assert self.folder is not None
        try:
            model = load(self.folder / _MODELS / entry["file"])
        except (OSError, FormatError):
            return None  # the file is gone or broken: train it again
        return (model, entry) if isinstance(model, MLP) else None

    def keep(self, name: str, step: str, model: MLP, **facts: Any) -> None:
        """Remember a trained candidate."""
        entry = {"name": name, "step": step, **facts}
        if self.folder is None:
            self._models[name, step] = model
        else:
            from ...io import save

            entry["file"] = f"{slug(name)}-{slug(step)}.safetensors"
            save(model, self.folder / _MODELS / entry["file"])
            self.note("trained", **entry)
        self._trained[name, step] = entry

    def fact(self, event: str) -> dict[str, Any] | None:
        """What was noted last under this name by the search that is resumed."""
        return self._facts.get(event)

    def note(self, event: str, **facts: Any) -> None:
        """Append a line, and see it on the disk."""
        if self.folder is None:
            return
        with (self.folder / _JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **facts}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _take_over(self, events: list[dict[str, Any]], identity: dict[str, Any]) -> None:
        for key, value in {"format": FORMAT, **identity}.items():
            if events[0].get(key) != value:
                raise ValueError(
                    f"folder: {self.folder} holds a search of another {key}; pass resume=False to begin anew there"
                )
        for event in events:
            self._facts[event["event"]] = event
            if event["event"] == "trained":
                self._trained[event["name"], event["step"]] = event
        self.resumed = len(self._trained)


def _events(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal, none when not even the first one is; what a kill has torn off is cut."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    first = b'{"event": "search", "format": '
    try:
        if content[: len(first)] != first[: len(content)]:
            raise ValueError
        events = [dict(json.loads(line)) for line in whole.decode().splitlines()]
        if not all(event.keys() >= _KEYS.get(event["event"], _OTHER) for event in events):
            raise ValueError
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"folder: {path} is no journal of sprat.compress; name another folder, or move that file away"
        ) from None
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return events


@contextmanager
def alone(folder: str | os.PathLike[str] | None) -> Iterator[None]:
    """Make the folder and keep other searches out of it; a process that dies lets go.

    >>> with alone(None):
    ...     pass
    """
    if folder is None:
        yield
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(f"folder: wanted a folder, {error.filename!r} is something else") from None
    if not os.access(Path(folder), os.W_OK):
        raise PermissionError(f"folder: {os.fspath(folder)!r} cannot be written")
    handle = os.open(Path(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"folder: another search is running in {os.fspath(folder)!r}") from None
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def identity(model: MLP, seed: int, **arrays: Any) -> dict[str, Any]:
    """What a search is of, as text: digests of model and data, and the seed."""
    digest = hashlib.sha256(json.dumps(model.config(), sort_keys=True).encode())
    digest.update(np.ascontiguousarray(model.params).tobytes())
    for name, mask in sorted(model.masks.items()):
        digest.update(name.encode() + mask.tobytes())
    data = hashlib.sha256()
    for name, array in arrays.items():
        data.update(f"{name}{array.shape}{array.dtype}".encode())
        data.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data)
    return {"model": digest.hexdigest(), "data": data.hexdigest(), "seed": seed}


def slug(name: str) -> str:
    """A name as a part of a file's name.

    >>> slug("cut to 64-32, 90% of weights pruned")
    'cut-to-64-32-90pct-of-weights-pruned'
    """
    words = "".join(c if c.isalnum() or c in ".-" else " " for c in name.replace("%", "pct")).split()
    return "-".join(words).lower()
