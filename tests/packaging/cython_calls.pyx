# cython: language_level=3
"""Each function of sprat.cython_api under a Python name, with arrays for pointers. Tests compile and call it."""

cimport sprat.cython_api as sp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

import numpy as np

ctypedef float[::1] Floats
ctypedef const float[::1] ConstFloats


def versions():
    return sp.abi_version(), sp.ABI_VERSION


def runtime():
    return sp.isa().decode(), sp.num_threads()


def with_threads(int32_t count):
    """The number of threads that this thread, and no other, may use within; and what it was and is again."""
    cdef int32_t before = 0, within
    with nogil:
        sp.check(sp.set_thread_num_threads(count, &before))
        within = sp.num_threads()
        sp.check(sp.set_thread_num_threads(before, NULL))
    return within


def set_threads(int32_t count):
    with nogil:
        sp.check(sp.set_num_threads(count))


def refused():
    """What last_error says of a refused call, without an exception."""
    cdef sp.OptimizerOptions options
    cdef int status
    memset(&options, 0, sizeof(options))
    options.size = 1
    with nogil:
        status = sp.optimizer_step(NULL, 0, &options, NULL)
    return status == sp.INVALID_ARGUMENT, sp.last_error().decode()


def permutation(uint64_t seed, uint64_t stream, int64_t[::1] out):
    with nogil:
        sp.check(sp.permutation(seed, stream, out.shape[0], &out[0]))


def normal(uint64_t seed, uint64_t stream, double mean, double std, double[::1] out):
    with nogil:
        sp.check(sp.fill_normal(sp.FLOAT64, seed, stream, mean, std, out.shape[0], &out[0]))


def uniform(uint64_t seed, uint64_t stream, double low, double high, Floats out):
    with nogil:
        sp.check(sp.fill_uniform(sp.FLOAT32, seed, stream, low, high, out.shape[0], &out[0]))


def steps(name, Floats param, ConstFloats grad, list states, double lr, double momentum, int64_t count,
          double clip_norm=0):
    """`count` steps of one optimizer on one array; the norm of the gradient."""
    cdef sp.OptimizerTensor tensor
    cdef sp.OptimizerGroup group
    cdef sp.OptimizerOptions options
    cdef Floats state
    cdef double norm = 0
    cdef int64_t i
    memset(&tensor, 0, sizeof(tensor))
    memset(&group, 0, sizeof(group))
    memset(&options, 0, sizeof(options))
    tensor.size, tensor.length, tensor.param, tensor.grad = sizeof(tensor), param.shape[0], &param[0], &grad[0]
    for i, array in enumerate(states):
        state = array
        tensor.states[i] = &state[0]
    group.size, group.optimizer, group.dtype = sizeof(group), sp.optimizer_find(name.encode()), sp.FLOAT32
    group.tensors, group.num_tensors = &tensor, 1
    group.params.size, group.params.step, group.params.lr = sizeof(group.params), 1, lr
    group.params.momentum = momentum
    group.params.beta1, group.params.beta2, group.params.eps = 0.9, 0.999, 1e-8
    group.params.mu_product, group.params.momentum_decay = 1, 0.004
    options.size, options.clip_norm = sizeof(options), clip_norm
    assert sp.optimizer_num_states(group.optimizer) == len(states)
    with nogil:
        for i in range(count):
            sp.check(sp.optimizer_step(&group, 1, &options, &norm))
            sp.check(sp.optimizer_advance(group.optimizer, &group.params))
    return norm


def nonfinite(ConstFloats x):
    cdef int64_t count = 0
    with nogil:
        sp.check(sp.count_nonfinite(sp.FLOAT32, &x[0], NULL, x.shape[0], &count))
    return count


def activation(name, ConstFloats z, ConstFloats grad_y, Floats y, Floats grad_z):
    cdef int32_t which = sp.activation_find(name.encode())
    assert sp.activation_needs_input(which) in (0, 1)
    with nogil:
        sp.check(sp.activation_forward(which, sp.FLOAT32, &z[0], &y[0], z.shape[0]))
        sp.check(sp.activation_backward(which, sp.FLOAT32, &z[0], &y[0], &grad_y[0], &grad_z[0], z.shape[0]))


def cross_entropy(const float[:, ::1] output, const int64_t[::1] classes, float[:, ::1] grad):
    cdef sp.LossParams params
    cdef double value = 0
    memset(&params, 0, sizeof(params))
    params.size, params.loss, params.delta, params.temperature = sizeof(params), sp.loss_find(b"cross_entropy"), 1, 1
    with nogil:
        sp.check(sp.loss(&params, sp.FLOAT32, &output[0, 0], &classes[0], sp.TARGET_CLASSES, NULL, NULL,
                         output.shape[0], output.shape[1], &grad[0, 0], &value))
    return value


def softmaxes(const float[:, ::1] x, float[:, ::1] plain, float[:, ::1] log):
    with nogil:
        sp.check(sp.softmax(sp.FLOAT32, &x[0, 0], &plain[0, 0], x.shape[0], x.shape[1]))
        sp.check(sp.log_softmax(sp.FLOAT32, &x[0, 0], &log[0, 0], x.shape[0], x.shape[1]))


def threshold(Floats x, uint8_t[::1] mask, double limit):
    cdef sp.PruneArray array
    cdef int64_t pruned = 0
    array.size, array.length, array.x, array.mask = sizeof(array), x.shape[0], &x[0], &mask[0]
    with nogil:
        sp.check(sp.prune_threshold(sp.FLOAT32, &array, limit, &pruned))
    return pruned


def smallest(Floats first, Floats second, int64_t count):
    cdef sp.PruneArray arrays[2]
    cdef double limit = 0
    memset(arrays, 0, sizeof(arrays))
    arrays[0].size, arrays[0].length, arrays[0].x = sizeof(sp.PruneArray), first.shape[0], &first[0]
    arrays[1].size, arrays[1].length, arrays[1].x = sizeof(sp.PruneArray), second.shape[0], &second[0]
    with nogil:
        sp.check(sp.prune_smallest(sp.FLOAT32, arrays, 2, count, &limit))
    return limit


def quantize(ConstFloats x, float scale, signed char zero_point, signed char[::1] q, Floats back, Floats fake,
             uint8_t[::1] inside):
    cdef sp.Quantizer quantizer
    quantizer.size, quantizer.real, quantizer.integer = sizeof(quantizer), sp.FLOAT32, sp.INT8
    quantizer.quant_min, quantizer.quant_max = -128, 127
    quantizer.outer, quantizer.channels, quantizer.inner = 1, 1, x.shape[0]
    quantizer.scales, quantizer.zero_points = &scale, &zero_point
    with nogil:
        sp.check(sp.quantize(&quantizer, &x[0], &q[0]))
        sp.check(sp.dequantize(&quantizer, &q[0], &back[0]))
        sp.check(sp.fake_quantize(&quantizer, &x[0], &fake[0], &inside[0]))


def qparams(ConstFloats x):
    """(low, high, scale, zero_point) of uint8 codes for the numbers of x."""
    cdef float low = 0, high = 0, scale = 0
    cdef int32_t zero_point = 0
    cdef int64_t non_finite = 0
    with nogil:
        sp.check(sp.value_range(sp.FLOAT32, 1, 1, x.shape[0], &x[0], &low, &high, &non_finite))
        sp.check(sp.choose_qparams(sp.FLOAT32, 1, &low, &high, 0, 255, 0, &scale, &zero_point))
    return low, high, scale, zero_point, non_finite


def predict(predictor, const float[:, ::1] x):
    """One call for all rows."""
    cdef sp.PredictorHandle handle = sp.predictor_of(predictor)
    assert sp.predictor_in_features(handle) == x.shape[1]
    assert sp.predictor_dtype(handle) == sp.FLOAT32
    out = np.empty((x.shape[0], sp.predictor_out_features(handle)), np.float32)
    cdef float[:, ::1] y = out
    with nogil:
        sp.check(sp.predictor_run(handle, &x[0, 0], x.shape[0], &y[0, 0]))
    return out


def predict_with(bytes path, const float[:, ::1] x, bint from_memory):
    """A predictor from a file, or from its bytes; its outputs for x."""
    cdef sp.PredictorHandle handle = NULL
    cdef int status
    cdef bytes text = b""
    cdef const char* data
    cdef size_t size
    if from_memory:
        with open(path, "rb") as file:
            text = file.read()
        data, size = text, len(text)
        with nogil:
            status = sp.predictor_load_memory(data, size, &handle)
    else:
        data = path
        with nogil:
            status = sp.predictor_load_file(data, &handle)
    sp.check(status)
    try:
        assert sp.predictor_in_features(handle) == x.shape[1]
        out = np.empty((x.shape[0], sp.predictor_out_features(handle)), np.float32)
        run(handle, x, out)
    finally:
        sp.predictor_destroy(handle)
    return out


cdef int run(sp.PredictorHandle handle, const float[:, ::1] x, float[:, ::1] out) except -1:
    with nogil:
        sp.check(sp.predictor_run(handle, &x[0, 0], x.shape[0], &out[0, 0]))
    return 0
