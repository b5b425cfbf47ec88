# cimport sprat.cython_api: the kernels for other Cython packages, without a header and without linking.
#
# Every function is nogil and noexcept, takes pointers and sizes, and returns 0 or a status; last_error() then holds
# one line for the calling thread. Structs begin with their size: set it to sizeof(the struct). Check abi_version()
# against ABI_VERSION once, at import. What the fields mean stands in include/sprat/sprat.h.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cdef enum:
    ABI_VERSION = 0
    FLOAT32 = 0
    FLOAT64 = 1
    INT8 = 2
    UINT8 = 3
    OPTIMIZER_MAX_STATES = 3

ctypedef struct OptimizerParams:
    size_t size
    int64_t step
    double lr
    double beta1, beta2, eps, weight_decay
    double momentum, dampening
    double alpha
    double lr_decay
    double momentum_decay
    double mu_product
    int32_t nesterov, maximize, decoupled_weight_decay

ctypedef struct OptimizerTensor:
    size_t size
    int64_t length
    void* param
    const void* grad
    void* states[3]
    const uint8_t* mask
    void* ema

ctypedef struct OptimizerGroup:
    size_t size
    int32_t optimizer
    int32_t dtype
    OptimizerParams params
    const OptimizerTensor* tensors
    int64_t num_tensors

ctypedef struct OptimizerOptions:
    size_t size
    double clip_norm
    double clip_value
    double ema_decay
    int32_t require_finite

cdef uint32_t abi_version() noexcept nogil
cdef const char* last_error() noexcept nogil

cdef int32_t optimizer_find(const char* name) noexcept nogil
cdef int optimizer_step(const OptimizerGroup* groups, int64_t num_groups, const OptimizerOptions* options,
                        double* grad_norm) noexcept nogil

# A quantizer sees an array of real numbers as (outer, channels, inner); per tensor: outer = channels = 1.
ctypedef struct Quantizer:
    size_t size
    int32_t real, integer
    int32_t quant_min, quant_max
    int64_t outer, channels, inner
    const void* scales
    const void* zero_points

cdef int quantize(const Quantizer* quantizer, const void* x, void* q) noexcept nogil
cdef int dequantize(const Quantizer* quantizer, const void* q, void* x) noexcept nogil

# The native part of a sprat.Predictor. It lives as long as the Python object: keep that alive. TypeError for others.
ctypedef const void* PredictorHandle
cdef PredictorHandle predictor_of(object predictor) except NULL
cdef int64_t predictor_in_features(PredictorHandle predictor) noexcept nogil
cdef int64_t predictor_out_features(PredictorHandle predictor) noexcept nogil
cdef int32_t predictor_dtype(PredictorHandle predictor) noexcept nogil
# out (rows, out_features) for x (rows, in_features), both of the predictor's dtype; any number of threads at once.
cdef int predictor_run(PredictorHandle predictor, const void* x, int64_t rows, void* out) noexcept nogil
