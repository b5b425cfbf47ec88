"""The data sets of the demo: scikit-learn's digits, or a folder of IDX files such as Fashion-MNIST."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..tabular import split
from .idx import read_idx

_PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True)
class Dataset:
    """Images as rows of float32 with mean 0 and deviation 1 over the training pixels, labels as int64.

    >>> from sprat.demo import digits
    >>> data = digits()
    >>> data.name, data.features, data.classes
    ('digits', 64, 10)
    """

    name: str
    train: tuple[NDArray[np.float32], NDArray[np.int64]]
    test: tuple[NDArray[np.float32], NDArray[np.int64]]

    @property
    def classes(self) -> int:
        """Labels are 0 ... classes - 1."""
        return int(self.train[1].max()) + 1

    @property
    def features(self) -> int:
        """Pixels of one image."""
        return int(self.train[0].shape[1])


def load(folder: str | os.PathLike[str] | None = None, *, seed: int = 0) -> Dataset:
    """The digits, or what lies in a folder.

    Parameters
    ----------
    folder : path, optional
        With the four files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-...``, each with or without
        ``.gz``. None: scikit-learn's digits.
    seed : int
        Which third of the digits is the test set.

    Examples
    --------
    >>> from sprat.demo import load
    >>> load().name
    'digits'
    """
    return digits(seed) if folder is None else idx_folder(folder)


def digits(seed: int = 0) -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels that come with scikit-learn; a third of each class is the test set.

    >>> data = digits()
    >>> data.train[0].shape, data.test[0].shape
    ((1198, 64), (599, 64))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            "the digits come with scikit-learn: pip install 'sprat[demo]'; or give a folder of IDX files: --data DIR"
        ) from None
    bunch: Any = load_digits()
    train, test = split(len(bunch.target), 1 / 3, seed=seed, stratify=bunch.target)
    images, labels = bunch.data, bunch.target
    return _dataset("digits", images[train], labels[train], images[test], labels[test])


def idx_folder(folder: str | os.PathLike[str]) -> Dataset:
    """Four IDX files under the names of MNIST.

    Raises
    ------
    FileNotFoundError
        Folder or a file is missing.
    sprat.FormatError
        A file is malformed, or images and labels do not belong together: one line.

    Examples
    --------
    >>> from sprat.demo import idx_folder
    >>> idx_folder("fashion")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] no such folder: 'fashion'
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(2, "no such folder", os.fspath(folder))
    paths = [_find(Path(folder), part) for part in _PARTS]
    arrays = [read_idx(path) for path in paths]
    for images, labels, path in ((arrays[0], arrays[1], paths[0]), (arrays[2], arrays[3], paths[2])):
        if images.ndim != 3 or labels.ndim != 1 or images.dtype != np.uint8 or labels.dtype != np.uint8:
            raise FormatError(f"{path}: wanted (images, rows, columns) bytes and one byte per label")
        if len(images) != len(labels) or images.size == 0:
            raise FormatError(f"{path}: {len(images)} images, {len(labels)} labels")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise FormatError(f"{paths[2]}: images of another size than those to train on")
    if arrays[1].max() < 1 or arrays[3].max() > arrays[1].max():
        raise FormatError(f"{paths[3]}: labels 0 to {arrays[3].max()}, in training 0 to {arrays[1].max()}")
    return _dataset(Path(folder).resolve().name, *(array.reshape(len(array), -1) for array in arrays))


def _find(folder: Path, part: str) -> Path:
    for name in (part, f"{part}.gz"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(2, "no such file, nor with .gz", str(folder / part))


def _dataset(name: str, x: Any, y: Any, test_x: Any, test_y: Any) -> Dataset:
    """One mean and one deviation for all pixels keep what is dark dark, and border pixels that are always 0 harmless.

    Pixels are whole numbers from 0 to 255, so both follow exactly from how often each occurs.
    """
    counts = np.bincount(x.reshape(-1).astype(np.uint8), minlength=256)
    values = np.arange(256)
    total = int(counts.sum())
    mean = int(counts @ values) / total
    deviation = math.sqrt(int(counts @ values**2) / total - mean**2) or 1.0

    def scaled(images: Any) -> NDArray[np.float32]:
        pixels: NDArray[np.float32] = images.astype(np.float32)
        return (pixels - np.float32(mean)) / np.float32(deviation)

    return Dataset(name, (scaled(x), y.astype(np.int64)), (scaled(test_x), test_y.astype(np.int64)))


__all__ = ["Dataset", "digits", "idx_folder", "load", "read_idx"]
