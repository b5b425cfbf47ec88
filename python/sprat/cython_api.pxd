# cimport sprat.cython_api: the kernels for other Cython packages, without a header and without linking.
#
# Function foo is sprat_foo of include/sprat/sprat.h, struct Foo is sprat_foo: what they mean stands there. Every function
# is nogil, takes pointers and sizes, and most return a status: 0, or why the call was refused; last_error() then holds
# one line for the calling thread, and check() raises it. Structs begin with their size: set it to sizeof(the struct),
# and what you do not want to 0 (memset it all first). Compare abi_version() with ABI_VERSION once, at import.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    ABI_VERSION = 1
    # statuses
    OK = 0
    INVALID_ARGUMENT = 1
    OUT_OF_MEMORY = 2
    UNSUPPORTED = 3
    NOT_FINITE = 4
    FORMAT_ERROR = 5
    FILE_ERROR = 6
    # dtypes
    FLOAT32 = 0
    FLOAT64 = 1
    INT8 = 2
    UINT8 = 3
    # what the target of a loss holds
    TARGET_NUMBERS = 0
    TARGET_CLASSES = 1
    OPTIMIZER_MAX_STATES = 3

cdef uint32_t abi_version() noexcept nogil
cdef const char* last_error() noexcept nogil
# Raises what Python's sprat would, with last_error(): ValueError, MemoryError, sprat.FormatError, OSError. Takes the GIL
# only then.
cdef int check(int status) except -1 nogil

# ---- run time

cdef const char* isa() noexcept nogil
cdef int32_t num_threads() noexcept nogil
cdef int set_num_threads(int32_t count) noexcept nogil
# The same for the calling thread alone. Inside a prange, 1 keeps each call on its thread.
cdef int set_thread_num_threads(int32_t count, int32_t* previous) noexcept nogil

# ---- random numbers: element i is a function of (seed, stream, i) alone

cdef int permutation(uint64_t seed, uint64_t stream, int64_t length, int64_t* out) noexcept nogil
cdef int fill_uniform(int32_t dtype, uint64_t seed, uint64_t stream, double low, double high, int64_t length,
                      void* out) noexcept nogil
cdef int fill_normal(int32_t dtype, uint64_t seed, uint64_t stream, double mean, double std, int64_t length,
                     void* out) noexcept nogil

# ---- optimizers

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

cdef int32_t optimizer_find(const char* name) noexcept nogil
cdef int32_t optimizer_num_states(int32_t optimizer) noexcept nogil
cdef int optimizer_step(const OptimizerGroup* groups, int64_t num_groups, const OptimizerOptions* options,
                        double* grad_norm) noexcept nogil
cdef int optimizer_advance(int32_t optimizer, OptimizerParams* params) noexcept nogil
cdef int count_nonfinite(int32_t dtype, const void* x, const uint8_t* mask, int64_t length,
                         int64_t* count) noexcept nogil

# ---- activations

cdef int32_t activation_find(const char* name) noexcept nogil
cdef int32_t activation_needs_input(int32_t activation) noexcept nogil
cdef int activation_forward(int32_t activation, int32_t dtype, const void* z, void* y, int64_t length) noexcept nogil
cdef int activation_backward(int32_t activation, int32_t dtype, const void* z, const void* y, const void* grad_y,
                             void* grad_z, int64_t length) noexcept nogil

# ---- losses

ctypedef struct LossParams:
    size_t size
    int32_t loss
    double label_smoothing
    double delta
    double temperature
    double alpha
    const void* class_weight
    const void* pos_weight

cdef int32_t loss_find(const char* name) noexcept nogil
cdef int loss(const LossParams* params, int32_t dtype, const void* output, const void* target, int32_t target_kind,
              const void* teacher, const void* sample_weight, int64_t rows, int64_t columns, void* grad_output,
              double* value) noexcept nogil
cdef int softmax(int32_t dtype, const void* x, void* y, int64_t rows, int64_t columns) noexcept nogil
cdef int log_softmax(int32_t dtype, const void* x, void* y, int64_t rows, int64_t columns) noexcept nogil

# ---- pruning

ctypedef struct PruneArray:
    size_t size
    int64_t length
    void* x
    uint8_t* mask

cdef int prune_threshold(int32_t dtype, const PruneArray* array, double threshold, int64_t* pruned) noexcept nogil
cdef int prune_smallest(int32_t dtype, const PruneArray* arrays, int64_t num_arrays, int64_t count,
                        double* threshold) noexcept nogil

# ---- quantize

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
cdef int fake_quantize(const Quantizer* quantizer, const void* x, void* y, uint8_t* inside) noexcept nogil
cdef int value_range(int32_t real, int64_t outer, int64_t channels, int64_t inner, const void* x, void* low, void* high,
                     int64_t* non_finite) noexcept nogil
cdef int choose_qparams(int32_t real, int64_t n, const void* low, const void* high, int32_t quant_min, int32_t quant_max,
                        int32_t symmetric, void* scales, int32_t* zero_points) noexcept nogil

# ---- predictors

# The native part of a sprat.Predictor. It lives as long as the Python object: keep that alive. TypeError for others.
ctypedef const void* PredictorHandle
cdef PredictorHandle predictor_of(object predictor) except NULL
cdef int64_t predictor_in_features(PredictorHandle predictor) noexcept nogil
cdef int64_t predictor_out_features(PredictorHandle predictor) noexcept nogil
cdef int32_t predictor_dtype(PredictorHandle predictor) noexcept nogil
# out (rows, out_features) for x (rows, in_features), both of the predictor's dtype; any number of threads at once.
cdef int predictor_run(PredictorHandle predictor, const void* x, int64_t rows, void* out) noexcept nogil

# A predictor of your own, from a model file or its bytes, without Python; give it back once with predictor_destroy().
# Not for those of predictor_of().
cdef int predictor_load_file(const char* path, PredictorHandle* predictor) noexcept nogil
cdef int predictor_load_memory(const void* data, size_t size, PredictorHandle* predictor) noexcept nogil
cdef void predictor_destroy(PredictorHandle predictor) noexcept nogil
