"""Where the C and C++ library lies: for compilers, CMake and pkg-config.

``python -m sprat.config --cmake-dir`` and its sisters print what the functions return.

>>> from sprat import config
>>> config.library().name.startswith("libsprat.so.")
True
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["cflags", "cmake_dir", "include_dir", "library", "libs", "main", "pkg_config_dir", "version"]


def _root() -> Path:
    """The folder of the native modules, with lib/ and include/ in it."""
    from . import _core

    return Path(_core.__file__).resolve().parent


def include_dir() -> Path:
    """The folder for ``-I``, in which ``sprat/sprat.h`` and ``sprat/sprat.hpp`` lie.

    >>> from sprat import config
    >>> (config.include_dir() / "sprat" / "sprat.h").is_file()
    True
    """
    return _root() / "include"


def library() -> Path:
    """The shared library itself. A wheel holds no symbolic links: there is only the file that programs load.

    >>> from sprat import config
    >>> config.library().is_file()
    True
    """
    from ._core import abi_version

    return _root() / "lib" / f"libsprat.so.{abi_version()}"


def cmake_dir() -> Path:
    """The folder of ``sprat-config.cmake``: for ``-Dsprat_DIR=``.

    >>> from sprat import config
    >>> (config.cmake_dir() / "sprat-config.cmake").is_file()
    True
    """
    return _root() / "lib" / "cmake" / "sprat"


def pkg_config_dir() -> Path:
    """The folder of ``sprat.pc``: for ``PKG_CONFIG_PATH``.

    >>> from sprat import config
    >>> (config.pkg_config_dir() / "sprat.pc").is_file()
    True
    """
    return _root() / "lib" / "pkgconfig"


def cflags() -> str:
    """What a compiler needs, quoted for a shell.

    >>> from sprat import config
    >>> config.cflags().startswith("-I")
    True
    """
    return shlex.join([f"-I{include_dir()}"])


def libs() -> str:
    """What a linker needs, quoted for a shell. The program will look for the library where it is now.

    >>> from sprat import config
    >>> config.libs().split()[0] == str(config.library())
    True
    """
    found = library()
    return shlex.join([str(found), f"-Wl,-rpath,{found.parent}"])


def version() -> str:
    """The version of sprat.

    >>> import sprat
    >>> sprat.config.version() == sprat.__version__
    True
    """
    from . import __version__

    return __version__


_ANSWERS: dict[str, Callable[[], object]] = {
    "--cmake-dir": cmake_dir,
    "--pkg-config-dir": pkg_config_dir,
    "--include-dir": include_dir,
    "--library": library,
    "--cflags": cflags,
    "--libs": libs,
    "--version": version,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m sprat.config``: what is asked for, in one line.

    >>> from sprat import config
    >>> config.main(["--version"]) == 0
    0.1.0
    True
    """
    parser = argparse.ArgumentParser(
        prog="python -m sprat.config",
        description="Where libsprat lies, for compilers, CMake (-Dsprat_DIR=) and pkg-config (PKG_CONFIG_PATH).",
    )
    for flag, answer in _ANSWERS.items():
        what = (answer.__doc__ or "").split(".  ")[0].split("\n")[0].split(". ")[0].rstrip(".:")
        parser.add_argument(flag, dest="asked", action="append_const", const=flag, help=what.replace("``", ""))
    asked = parser.parse_args(arguments).asked
    if not asked:
        parser.error(f"wanted at least one of {', '.join(_ANSWERS)}")
    print(" ".join(str(_ANSWERS[flag]()) for flag in asked))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
