# cython: language_level=3, boundscheck=False, wraparound=False
"""sprat inside loops that hold no GIL: predictions on all threads, optimizer steps, random numbers."""

cimport sprat.cython_api as sp
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

import numpy as np

if sp.abi_version() != sp.ABI_VERSION:
    raise ImportError("scoring was built for another version of sprat: build it again")


def score(predictor, const float[:, ::1] x, int threads=2):
    """The outputs (rows, out_features) of a sprat.Predictor for x (rows, in_features): each row a call, on any thread."""
    cdef sp.PredictorHandle handle = sp.predictor_of(predictor)  # as long as `predictor` lives
    cdef int64_t row, columns = sp.predictor_in_features(handle)
    if sp.predictor_dtype(handle) != sp.FLOAT32 or x.shape[1] != columns:
        raise ValueError(f"x: wanted float32 and {columns} columns, got {x.shape[1]}")
    out = np.empty((x.shape[0], sp.predictor_out_features(handle)), np.float32)
    cdef float[:, ::1] y = out
    for row in prange(x.shape[0], nogil=True, num_threads=threads, schedule="guided"):
        sp.check(sp.predictor_run(handle, &x[row, 0], 1, &y[row, 0]))
    return out


def fit_line(const double[::1] x, const double[::1] y, int64_t steps, double lr=0.1):
    """(slope, intercept) after so many steps of Adam on the mean squared error of the line through x and y, both (n,)."""
    cdef double line[2]
    cdef double grad[2]
    cdef double states[3][2]
    cdef sp.OptimizerTensor tensor
    cdef sp.OptimizerGroup group
    cdef sp.OptimizerOptions options
    cdef int64_t step, i
    cdef double error
    # Zeros are what is not asked for: no mask, no clipping, no weight decay.
    memset(line, 0, sizeof(line))
    memset(states, 0, sizeof(states))
    memset(&tensor, 0, sizeof(tensor))
    memset(&group, 0, sizeof(group))
    memset(&options, 0, sizeof(options))
    tensor.size, tensor.length, tensor.param, tensor.grad = sizeof(tensor), 2, line, grad
    for i in range(sp.OPTIMIZER_MAX_STATES):
        tensor.states[i] = states[i]
    group.size, group.optimizer, group.dtype = sizeof(group), sp.optimizer_find(b"adam"), sp.FLOAT64
    group.tensors, group.num_tensors = &tensor, 1
    group.params.size, group.params.step, group.params.lr = sizeof(group.params), 1, lr
    group.params.beta1, group.params.beta2, group.params.eps = 0.9, 0.999, 1e-8
    options.size = sizeof(options)
    with nogil:
        for step in range(steps):
            grad[0] = grad[1] = 0
            for i in range(x.shape[0]):
                error = line[0] * x[i] + line[1] - y[i]
                grad[0] += 2 * error * x[i] / x.shape[0]
                grad[1] += 2 * error / x.shape[0]
            sp.check(sp.optimizer_step(&group, 1, &options, NULL))
            sp.check(sp.optimizer_advance(group.optimizer, &group.params))
    return line[0], line[1]


def uniform(int64_t n, uint64_t seed, uint64_t stream=0, double low=0.0, double high=1.0):
    """(n,) float32 numbers in [low, high): the same on every machine, and element i for every n."""
    out = np.empty(n, np.float32)
    cdef float[::1] numbers = out
    with nogil:
        sp.check(sp.fill_uniform(sp.FLOAT32, seed, stream, low, high, n, &numbers[0]))
    return out
