"""Files that appear whole or not at all.

The bytes go to a temporary file beside the target, are forced to the disk, and take the target's name in one rename;
then the folder is forced to the disk too. Whatever stops the process in between, the name shows the old file or the
new.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from typing import Any

PathLike = str | os.PathLike[str]


def write(path: PathLike, chunks: Iterable[Any]) -> None:
    """Write the chunks (objects with a contiguous buffer), one after another, as the new content of ``path``.

    A file that exists keeps its permissions; a new one gets what the umask leaves. A symbolic link stays a link: the
    file it points to is replaced. On failure the temporary file is removed and the old content stays.

    Raises
    ------
    ValueError
        ``path`` names something that is not a regular file.
    FileNotFoundError
        The folder does not exist.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = pathlib.Path(folder, "a")
    ...     write(target, [b"one", b"two"])
    ...     target.read_bytes()
    b'onetwo'
    """
    target = os.path.realpath(os.fsdecode(os.fspath(path)))
    mode = _permissions(path, target)
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"cannot save {os.fspath(path)!r}: the folder {folder!r} does not exist")
    # The umask applies to this open; a name nobody else uses comes from O_EXCL and 64 random bits. A file name has at
    # most 255 bytes, so a long one is cut.
    short = name.encode("utf-8", "surrogateescape")[:200].decode("utf-8", "ignore")
    temporary = os.path.join(folder, f".{short}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb", closefd=True) as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _permissions(path: PathLike, target: str) -> int | None:
    """The permission bits of the file that is there, None when there is none."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"cannot save {os.fspath(path)!r}: it exists and is not a regular file")
    return stat.S_IMODE(status.st_mode)


def _sync_folder(folder: str) -> None:
    """Force the rename itself to the disk; some network file systems refuse, and then it is theirs to keep."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
