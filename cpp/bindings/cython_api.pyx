# sprat.cython_api: typed, nogil doors to libsprat for other Cython packages. See cython_api.pxd.
"""The kernels for other Cython packages: ``cimport sprat.cython_api``. It has no Python functions."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "sprat/sprat.h" nogil:
    const int SPRAT_ABI_VERSION
    ctypedef enum sprat_dtype:
        pass
    ctypedef enum sprat_target:
        pass
    ctypedef struct sprat_optimizer_params:
        pass
    ctypedef struct sprat_optimizer_tensor:
        pass
    ctypedef struct sprat_optimizer_group:
        pass
    ctypedef struct sprat_optimizer_options:
        pass
    ctypedef struct sprat_loss_params:
        pass
    ctypedef struct sprat_prune_array:
        pass
    ctypedef struct sprat_quantizer:
        pass
    ctypedef struct sprat_predictor:
        pass
    ctypedef struct sprat_model:
        pass
    uint32_t sprat_abi_version()
    const char* sprat_last_error()
    const char* sprat_isa()
    int32_t sprat_num_threads()
    int sprat_set_num_threads(int32_t)
    int sprat_set_thread_num_threads(int32_t, int32_t*)
    int sprat_permutation(uint64_t, uint64_t, int64_t, int64_t*)
    int sprat_fill_uniform(sprat_dtype, uint64_t, uint64_t, double, double, int64_t, void*)
    int sprat_fill_normal(sprat_dtype, uint64_t, uint64_t, double, double, int64_t, void*)
    int32_t sprat_optimizer_find(const char*)
    int32_t sprat_optimizer_num_states(int32_t)
    int sprat_optimizer_step(const sprat_optimizer_group*, int64_t, const sprat_optimizer_options*, double*)
    int sprat_optimizer_advance(int32_t, sprat_optimizer_params*)
    int sprat_count_nonfinite(sprat_dtype, const void*, const uint8_t*, int64_t, int64_t*)
    int32_t sprat_activation_find(const char*)
    int32_t sprat_activation_needs_input(int32_t)
    int sprat_activation_forward(int32_t, sprat_dtype, const void*, void*, int64_t)
    int sprat_activation_backward(int32_t, sprat_dtype, const void*, const void*, const void*, void*, int64_t)
    int32_t sprat_loss_find(const char*)
    int sprat_loss(const sprat_loss_params*, sprat_dtype, const void*, const void*, sprat_target, const void*, const void*,
                   int64_t, int64_t, void*, double*)
    int sprat_softmax(sprat_dtype, const void*, void*, int64_t, int64_t)
    int sprat_log_softmax(sprat_dtype, const void*, void*, int64_t, int64_t)
    int sprat_prune_threshold(sprat_dtype, const sprat_prune_array*, double, int64_t*)
    int sprat_prune_smallest(sprat_dtype, const sprat_prune_array*, int64_t, int64_t, double*)
    int sprat_quantize(const sprat_quantizer*, const void*, void*)
    int sprat_dequantize(const sprat_quantizer*, const void*, void*)
    int sprat_fake_quantize(const sprat_quantizer*, const void*, void*, uint8_t*)
    int sprat_value_range(sprat_dtype, int64_t, int64_t, int64_t, const void*, void*, void*, int64_t*)
    int sprat_choose_qparams(sprat_dtype, int64_t, const void*, const void*, int32_t, int32_t, int32_t, void*, int32_t*)
    int64_t sprat_predictor_in_features(const sprat_predictor*)
    int64_t sprat_predictor_out_features(const sprat_predictor*)
    int32_t sprat_predictor_dtype(const sprat_predictor*)
    int sprat_predictor_run(const sprat_predictor*, const void*, int64_t, void*)
    void sprat_predictor_destroy(sprat_predictor*)
    int sprat_model_load_file(const char*, sprat_model**)
    int sprat_model_load_memory(const void*, size_t, sprat_model**)
    void sprat_model_destroy(sprat_model*)
    int sprat_predictor_create_model(const sprat_model*, sprat_predictor**)


cdef uint32_t abi_version() noexcept nogil:
    return sprat_abi_version()


cdef const char* last_error() noexcept nogil:
    return sprat_last_error()


cdef int check(int status) except -1 nogil:
    if status == OK:
        return 0
    with gil:
        message = sprat_last_error().decode("utf-8", "replace")
        if status == OUT_OF_MEMORY:
            raise MemoryError(message)
        if status == FILE_ERROR:
            raise OSError(message)
        if status == FORMAT_ERROR:
            from sprat import FormatError
            raise FormatError(message)
        raise ValueError(message)


cdef const char* isa() noexcept nogil:
    return sprat_isa()


cdef int32_t num_threads() noexcept nogil:
    return sprat_num_threads()


cdef int set_num_threads(int32_t count) noexcept nogil:
    return sprat_set_num_threads(count)


cdef int set_thread_num_threads(int32_t count, int32_t* previous) noexcept nogil:
    return sprat_set_thread_num_threads(count, previous)


cdef int permutation(uint64_t seed, uint64_t stream, int64_t length, int64_t* out) noexcept nogil:
    return sprat_permutation(seed, stream, length, out)


cdef int fill_uniform(int32_t dtype, uint64_t seed, uint64_t stream, double low, double high, int64_t length,
                      void* out) noexcept nogil:
    return sprat_fill_uniform(<sprat_dtype> dtype, seed, stream, low, high, length, out)


cdef int fill_normal(int32_t dtype, uint64_t seed, uint64_t stream, double mean, double std, int64_t length,
                     void* out) noexcept nogil:
    return sprat_fill_normal(<sprat_dtype> dtype, seed, stream, mean, std, length, out)


cdef int32_t optimizer_find(const char* name) noexcept nogil:
    return sprat_optimizer_find(name)


cdef int32_t optimizer_num_states(int32_t optimizer) noexcept nogil:
    return sprat_optimizer_num_states(optimizer)


cdef int optimizer_step(const OptimizerGroup* groups, int64_t num_groups, const OptimizerOptions* options,
                        double* grad_norm) noexcept nogil:
    return sprat_optimizer_step(<const sprat_optimizer_group*> groups, num_groups,
                                <const sprat_optimizer_options*> options, grad_norm)


cdef int optimizer_advance(int32_t optimizer, OptimizerParams* params) noexcept nogil:
    return sprat_optimizer_advance(optimizer, <sprat_optimizer_params*> params)


cdef int count_nonfinite(int32_t dtype, const void* x, const uint8_t* mask, int64_t length,
                         int64_t* count) noexcept nogil:
    return sprat_count_nonfinite(<sprat_dtype> dtype, x, mask, length, count)


cdef int32_t activation_find(const char* name) noexcept nogil:
    return sprat_activation_find(name)


cdef int32_t activation_needs_input(int32_t activation) noexcept nogil:
    return sprat_activation_needs_input(activation)


cdef int activation_forward(int32_t activation, int32_t dtype, const void* z, void* y, int64_t length) noexcept nogil:
    return sprat_activation_forward(activation, <sprat_dtype> dtype, z, y, length)


cdef int activation_backward(int32_t activation, int32_t dtype, const void* z, const void* y, const void* grad_y,
                             void* grad_z, int64_t length) noexcept nogil:
    return sprat_activation_backward(activation, <sprat_dtype> dtype, z, y, grad_y, grad_z, length)


cdef int32_t loss_find(const char* name) noexcept nogil:
    return sprat_loss_find(name)


cdef int loss(const LossParams* params, int32_t dtype, const void* output, const void* target, int32_t target_kind,
              const void* teacher, const void* sample_weight, int64_t rows, int64_t columns, void* grad_output,
              double* value) noexcept nogil:
    return sprat_loss(<const sprat_loss_params*> params, <sprat_dtype> dtype, output, target,
                      <sprat_target> target_kind, teacher, sample_weight, rows, columns, grad_output, value)


cdef int softmax(int32_t dtype, const void* x, void* y, int64_t rows, int64_t columns) noexcept nogil:
    return sprat_softmax(<sprat_dtype> dtype, x, y, rows, columns)


cdef int log_softmax(int32_t dtype, const void* x, void* y, int64_t rows, int64_t columns) noexcept nogil:
    return sprat_log_softmax(<sprat_dtype> dtype, x, y, rows, columns)


cdef int prune_threshold(int32_t dtype, const PruneArray* array, double threshold, int64_t* pruned) noexcept nogil:
    return sprat_prune_threshold(<sprat_dtype> dtype, <const sprat_prune_array*> array, threshold, pruned)


cdef int prune_smallest(int32_t dtype, const PruneArray* arrays, int64_t num_arrays, int64_t count,
                        double* threshold) noexcept nogil:
    return sprat_prune_smallest(<sprat_dtype> dtype, <const sprat_prune_array*> arrays, num_arrays, count, threshold)


cdef int quantize(const Quantizer* quantizer, const void* x, void* q) noexcept nogil:
    return sprat_quantize(<const sprat_quantizer*> quantizer, x, q)


cdef int dequantize(const Quantizer* quantizer, const void* q, void* x) noexcept nogil:
    return sprat_dequantize(<const sprat_quantizer*> quantizer, q, x)


cdef int fake_quantize(const Quantizer* quantizer, const void* x, void* y, uint8_t* inside) noexcept nogil:
    return sprat_fake_quantize(<const sprat_quantizer*> quantizer, x, y, inside)


cdef int value_range(int32_t real, int64_t outer, int64_t channels, int64_t inner, const void* x, void* low, void* high,
                     int64_t* non_finite) noexcept nogil:
    return sprat_value_range(<sprat_dtype> real, outer, channels, inner, x, low, high, non_finite)


cdef int choose_qparams(int32_t real, int64_t n, const void* low, const void* high, int32_t quant_min, int32_t quant_max,
                        int32_t symmetric, void* scales, int32_t* zero_points) noexcept nogil:
    return sprat_choose_qparams(<sprat_dtype> real, n, low, high, quant_min, quant_max, symmetric, scales, zero_points)


cdef PredictorHandle predictor_of(object predictor) except NULL:
    from sprat import Predictor
    if not isinstance(predictor, Predictor):
        raise TypeError(f"predictor: wanted a sprat.Predictor, got {type(predictor).__name__}")
    if predictor.device != "cpu":
        raise TypeError(f"predictor: wanted one in host memory, got one on {predictor.device!r}")
    return <PredictorHandle> <size_t> predictor._native.handle


cdef int64_t predictor_in_features(PredictorHandle predictor) noexcept nogil:
    return sprat_predictor_in_features(<const sprat_predictor*> predictor)


cdef int64_t predictor_out_features(PredictorHandle predictor) noexcept nogil:
    return sprat_predictor_out_features(<const sprat_predictor*> predictor)


cdef int32_t predictor_dtype(PredictorHandle predictor) noexcept nogil:
    return sprat_predictor_dtype(<const sprat_predictor*> predictor)


cdef int predictor_run(PredictorHandle predictor, const void* x, int64_t rows, void* out) noexcept nogil:
    return sprat_predictor_run(<const sprat_predictor*> predictor, x, rows, out)


cdef int _predictor_of_model(int status, sprat_model* model, PredictorHandle* predictor) noexcept nogil:
    cdef sprat_predictor* made = NULL
    if status == OK:
        status = sprat_predictor_create_model(model, &made)
        sprat_model_destroy(model)
    if status == OK:
        predictor[0] = <PredictorHandle> made
    return status


cdef int predictor_load_file(const char* path, PredictorHandle* predictor) noexcept nogil:
    cdef sprat_model* model = NULL
    cdef int status = sprat_model_load_file(path, &model)
    return _predictor_of_model(status, model, predictor)


cdef int predictor_load_memory(const void* data, size_t size, PredictorHandle* predictor) noexcept nogil:
    cdef sprat_model* model = NULL
    cdef int status = sprat_model_load_memory(data, size, &model)
    return _predictor_of_model(status, model, predictor)


cdef void predictor_destroy(PredictorHandle predictor) noexcept nogil:
    sprat_predictor_destroy(<sprat_predictor*> predictor)


# The structs above repeat those of the header, so that users need no header: they must agree.
if (sizeof(OptimizerParams) != sizeof(sprat_optimizer_params)
        or sizeof(OptimizerTensor) != sizeof(sprat_optimizer_tensor)
        or sizeof(OptimizerGroup) != sizeof(sprat_optimizer_group)
        or sizeof(OptimizerOptions) != sizeof(sprat_optimizer_options)
        or sizeof(LossParams) != sizeof(sprat_loss_params)
        or sizeof(PruneArray) != sizeof(sprat_prune_array)
        or sizeof(Quantizer) != sizeof(sprat_quantizer)
        or ABI_VERSION != SPRAT_ABI_VERSION):
    raise ImportError("sprat.cython_api was built against another sprat.h")
