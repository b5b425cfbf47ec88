# sprat.cython_api: typed, nogil doors to libsprat for other Cython packages. See cython_api.pxd.
"""The kernels for other Cython packages: ``cimport sprat.cython_api``. It has no Python functions."""

from libc.stdint cimport int32_t, int64_t, uint32_t


cdef extern from "sprat/sprat.h" nogil:
    const int SPRAT_ABI_VERSION
    ctypedef struct sprat_optimizer_params:
        pass
    ctypedef struct sprat_optimizer_tensor:
        pass
    ctypedef struct sprat_optimizer_group:
        pass
    ctypedef struct sprat_optimizer_options:
        pass
    ctypedef struct sprat_quantizer:
        pass
    ctypedef struct sprat_predictor:
        pass
    uint32_t sprat_abi_version()
    const char* sprat_last_error()
    int32_t sprat_optimizer_find(const char* name)
    int sprat_optimizer_step(const sprat_optimizer_group*, int64_t, const sprat_optimizer_options*, double*)
    int sprat_quantize(const sprat_quantizer*, const void*, void*)
    int sprat_dequantize(const sprat_quantizer*, const void*, void*)
    int64_t sprat_predictor_in_features(const sprat_predictor*)
    int64_t sprat_predictor_out_features(const sprat_predictor*)
    int32_t sprat_predictor_dtype(const sprat_predictor*)
    int sprat_predictor_run(const sprat_predictor*, const void*, int64_t, void*)


cdef uint32_t abi_version() noexcept nogil:
    return sprat_abi_version()


cdef const char* last_error() noexcept nogil:
    return sprat_last_error()


cdef int32_t optimizer_find(const char* name) noexcept nogil:
    return sprat_optimizer_find(name)


cdef int optimizer_step(const OptimizerGroup* groups, int64_t num_groups, const OptimizerOptions* options,
                        double* grad_norm) noexcept nogil:
    return sprat_optimizer_step(<const sprat_optimizer_group*> groups, num_groups,
                                <const sprat_optimizer_options*> options, grad_norm)


cdef int quantize(const Quantizer* quantizer, const void* x, void* q) noexcept nogil:
    return sprat_quantize(<const sprat_quantizer*> quantizer, x, q)


cdef int dequantize(const Quantizer* quantizer, const void* q, void* x) noexcept nogil:
    return sprat_dequantize(<const sprat_quantizer*> quantizer, q, x)


cdef PredictorHandle predictor_of(object predictor) except NULL:
    from sprat import Predictor
    if not isinstance(predictor, Predictor):
        raise TypeError(f"predictor: wanted a sprat.Predictor, got {type(predictor).__name__}")
    return <PredictorHandle> <size_t> predictor._native.handle


cdef int64_t predictor_in_features(PredictorHandle predictor) noexcept nogil:
    return sprat_predictor_in_features(<const sprat_predictor*> predictor)


cdef int64_t predictor_out_features(PredictorHandle predictor) noexcept nogil:
    return sprat_predictor_out_features(<const sprat_predictor*> predictor)


cdef int32_t predictor_dtype(PredictorHandle predictor) noexcept nogil:
    return sprat_predictor_dtype(<const sprat_predictor*> predictor)


cdef int predictor_run(PredictorHandle predictor, const void* x, int64_t rows, void* out) noexcept nogil:
    return sprat_predictor_run(<const sprat_predictor*> predictor, x, rows, out)


# The structs above repeat those of the header, so that users need no header: they must agree.
if (sizeof(OptimizerParams) != sizeof(sprat_optimizer_params)
        or sizeof(OptimizerTensor) != sizeof(sprat_optimizer_tensor)
        or sizeof(OptimizerGroup) != sizeof(sprat_optimizer_group)
        or sizeof(OptimizerOptions) != sizeof(sprat_optimizer_options)
        or sizeof(Quantizer) != sizeof(sprat_quantizer)
        or ABI_VERSION != SPRAT_ABI_VERSION):
    raise ImportError("sprat.cython_api was built against another sprat.h")
