"""The native module for CUDA devices, loaded when it is first asked for: ``import sprat`` never touches CUDA."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType

_NAME = "sprat._cuda"


def load(path: str) -> ModuleType:
    """The build of ``sprat._cuda`` that lies at ``path``.

    Raises
    ------
    ImportError
        It is none, or does not load.
    """
    spec = importlib.util.spec_from_file_location(_NAME, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no extension module")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def module() -> ModuleType:
    """``sprat._cuda``, whether or not there is a device. Ask for it in each call rather than keeping it.

    The environment variable SPRAT_CUDA_MODULE names another build of it, such as the emulation that tests run on.

    Raises
    ------
    RuntimeError
        This sprat was built without CUDA, or its module does not load.
    """
    loaded = sys.modules.get(_NAME)
    if loaded is not None:
        return loaded
    path = os.environ.get("SPRAT_CUDA_MODULE")
    try:
        if not path:
            return importlib.import_module(_NAME)
        return sys.modules.setdefault(_NAME, load(path))
    except ModuleNotFoundError:
        raise RuntimeError(
            "CUDA: this sprat was built without it (with nvcc installed: pip install -C cmake.define.SPRAT_CUDA=on)"
        ) from None
    except ImportError as error:
        raise RuntimeError(f"CUDA: {path or _NAME} does not load: {error}") from None


def require() -> ModuleType:
    """``sprat._cuda``, once it is known that it can work.

    Raises
    ------
    RuntimeError
        One line: built without CUDA, no driver, no device.
    """
    native = module()
    native.device_count()
    return native
