"""SciPy: compressed rows of weights times columns of a batch."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from ..packed import Sparse
from ..tasks import Prepared, offers


@offers("predict sparse", "scipy csr")
def predict(network: Sparse, threads: int) -> Prepared | None:
    """Features are rows, so that each weight meets a whole row of numbers; the dense last layer is NumPy's."""
    if threads > 1:
        return None
    layers = [(scipy.sparse.csr_array(w), b[:, None]) for w, b in network.weights[:-1]]
    last, last_bias = network.weights[-1]
    x, kept = np.ascontiguousarray(network.x.T), {}

    def call() -> None:
        h = x
        for weight, bias in layers:
            h = weight @ h
            h += bias
            np.maximum(h, 0, out=h)
        kept["output"] = last @ h + last_bias[:, None]

    return Prepared(call, lambda: kept["output"].T)
