/* The kernels of sprat on CUDA devices, behind the structs of sprat.h.
 *
 *  - Arrays of structs are host memory; every array they point to is memory of the current device.
 *  - A call is put on `stream` (a cudaStream_t; NULL: the default stream) and returns at once, except where it gives a
 *    number to the host: it then waits for the stream.
 *  - The bits are those of the function of the same name in sprat.h.
 *  - A refused call changes nothing; sprat_cuda_last_error() then holds one line for the calling thread. What a device
 *    finds out later (memory that is not its own) shows at the next call that waits.
 */
#ifndef SPRAT_CUDA_H
#define SPRAT_CUDA_H

#include "sprat/sprat.h"

#ifdef __cplusplus
extern "C" {
#endif

SPRAT_API const char* sprat_cuda_last_error(void) SPRAT_NOEXCEPT;

/* ---- devices, memory, streams ------------------------------------------------------------------------------------ */

/* 1 if this module runs on the CPU (cpp/cuda/emulation), for tests. */
SPRAT_API int32_t sprat_cuda_is_emulated(void) SPRAT_NOEXCEPT;

/* SPRAT_UNSUPPORTED without a driver or without a device; count is then 0. */
SPRAT_API sprat_status sprat_cuda_device_count(int32_t* count) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_get_device(int32_t* device) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_set_device(int32_t device) SPRAT_NOEXCEPT;

typedef struct sprat_cuda_device {
  size_t size;
  char name[256];
  int32_t major, minor; /* compute capability */
  int32_t multiprocessors;
  int32_t clock_khz, memory_clock_khz, memory_bus_bits; /* 0 where unknown */
  int64_t l2_bytes, memory_bytes;
} sprat_cuda_device;
SPRAT_API sprat_status sprat_cuda_device_info(int32_t device, sprat_cuda_device* info) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_memory_info(int64_t* free_bytes, int64_t* total_bytes) SPRAT_NOEXCEPT;
/* The device that owns the memory at `pointer`; -1: host memory that no device can read. */
SPRAT_API sprat_status sprat_cuda_pointer_device(const void* pointer, int32_t* device) SPRAT_NOEXCEPT;

/* In the order of the stream. Memory is aligned to 256 bytes; 0 bytes give NULL. */
SPRAT_API sprat_status sprat_cuda_malloc(int64_t bytes, void** memory, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_free(void* memory, void* stream) SPRAT_NOEXCEPT;
/* Between any two of host and device. To or from pageable host memory it returns when that may be used again. */
SPRAT_API sprat_status sprat_cuda_copy(void* to, const void* from, int64_t bytes, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_fill(void* memory, uint8_t byte, int64_t bytes, void* stream) SPRAT_NOEXCEPT;

SPRAT_API sprat_status sprat_cuda_stream_create(void** stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_stream_destroy(void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_synchronize(void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_event_create(int32_t timing, void** event) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_event_destroy(void* event) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_event_record(void* event, void* stream) SPRAT_NOEXCEPT;
/* What is put on the stream from now on waits for the event. */
SPRAT_API sprat_status sprat_cuda_stream_wait(void* stream, void* event) SPRAT_NOEXCEPT;
/* Waits for `end`. */
SPRAT_API sprat_status sprat_cuda_elapsed(void* start, void* end, double* seconds) SPRAT_NOEXCEPT;

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

/* As sprat_optimizer_find and sprat_optimizer_advance, for those who have this module alone. */
SPRAT_API int32_t sprat_cuda_optimizer_find(const char* name) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_optimizer_advance(int32_t optimizer, sprat_optimizer_params* params) SPRAT_NOEXCEPT;

/* See sprat_optimizer_step. Waits for the stream if grad_norm is not NULL or options->require_finite is set; without
 * them clipping by the norm happens on the device alone. */
SPRAT_API sprat_status sprat_cuda_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                                 const sprat_optimizer_options* options, double* grad_norm,
                                                 void* stream) SPRAT_NOEXCEPT;

/* See sprat_count_nonfinite. Waits for the stream. */
SPRAT_API sprat_status sprat_cuda_count_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t length,
                                                  int64_t* count, void* stream) SPRAT_NOEXCEPT;

/* The sum of squares of x, in double and in the order of the gradients' norm. Waits for the stream. */
SPRAT_API sprat_status sprat_cuda_sum_of_squares(sprat_dtype dtype, const void* x, int64_t length, double* squares,
                                                 void* stream) SPRAT_NOEXCEPT;

/* ---- activations ------------------------------------------------------------------------------------------------- */

SPRAT_API int32_t sprat_cuda_activation_find(const char* name) SPRAT_NOEXCEPT; /* as sprat_activation_find */
SPRAT_API sprat_status sprat_cuda_activation_forward(int32_t activation, sprat_dtype dtype, const void* z, void* y,
                                                     int64_t length, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_activation_backward(int32_t activation, sprat_dtype dtype, const void* z,
                                                      const void* y, const void* grad_y, void* grad_z, int64_t length,
                                                      void* stream) SPRAT_NOEXCEPT;

/* ---- quantize ---------------------------------------------------------------------------------------------------- */

/* Scales and zero points are device memory: nobody looks whether they are right. */
SPRAT_API sprat_status sprat_cuda_quantize(const sprat_quantizer* quantizer, const void* x, void* q,
                                           void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_dequantize(const sprat_quantizer* quantizer, const void* q, void* x,
                                             void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_fake_quantize(const sprat_quantizer* quantizer, const void* x, void* y,
                                                uint8_t* inside, void* stream) SPRAT_NOEXCEPT;
/* low and high are device memory. Waits for the stream if non_finite is not NULL. */
SPRAT_API sprat_status sprat_cuda_value_range(sprat_dtype real, int64_t outer, int64_t channels, int64_t inner,
                                              const void* x, void* low, void* high, int64_t* non_finite,
                                              void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_choose_qparams(sprat_dtype real, int64_t n, const void* low, const void* high,
                                                 int32_t quant_min, int32_t quant_max, int32_t symmetric, void* scales,
                                                 int32_t* zero_points, void* stream) SPRAT_NOEXCEPT;

/* ---- pruning ----------------------------------------------------------------------------------------------------- */

/* Waits for the stream if pruned is not NULL. */
SPRAT_API sprat_status sprat_cuda_prune_threshold(sprat_dtype dtype, const sprat_prune_array* array, double threshold,
                                                  int64_t* pruned, void* stream) SPRAT_NOEXCEPT;
/* Waits for the stream, unless count is 0: whether there are so many numbers is known only then. */
SPRAT_API sprat_status sprat_cuda_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                                                 int64_t count, double* threshold, void* stream) SPRAT_NOEXCEPT;

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

/* `stream` is that of sprat_fill_uniform, `cuda_stream` the device's. */
SPRAT_API sprat_status sprat_cuda_fill_uniform(sprat_dtype dtype, uint64_t seed, uint64_t stream, double low,
                                               double high, int64_t length, void* out,
                                               void* cuda_stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_fill_normal(sprat_dtype dtype, uint64_t seed, uint64_t stream, double mean,
                                              double std, int64_t length, void* out, void* cuda_stream) SPRAT_NOEXCEPT;
/* ---- products ---------------------------------------------------------------------------------------------------- */

/* All arrays are row-major; weight is (out_features, in_features). */
typedef enum sprat_cuda_product {
  SPRAT_CUDA_FORWARD = 0,        /* c (rows, out) = a (rows, in) b (out, in)^T:    m = rows, n = out, k = in */
  SPRAT_CUDA_INPUT_GRADIENT = 1, /* c (rows, in) = a (rows, out) b (out, in):      m = rows, n = in,  k = out */
  SPRAT_CUDA_WEIGHT_GRADIENT = 2 /* c (out, in) = a (rows, out)^T b (rows, in):    m = out,  n = in,  k = rows */
} sprat_cuda_product;

/* c (m, n) as the network's layers compute it: k ascends by fused multiply-add from zero; of a weight gradient within
 * blocks of 512, whose sums are added in order. c must overlap neither a nor b. */
SPRAT_API sprat_status sprat_cuda_multiply(sprat_dtype dtype, sprat_cuda_product product, const void* a, const void* b,
                                           void* c, int64_t m, int64_t n, int64_t k, void* stream) SPRAT_NOEXCEPT;

/* ---- losses ------------------------------------------------------------------------------------------------------ */

/* As sprat_loss_find, for those who have this module alone. */
SPRAT_API int32_t sprat_cuda_loss_find(const char* name) SPRAT_NOEXCEPT;

/* See sprat_loss; class_weight and pos_weight are memory of the device too. Waits for the stream. */
SPRAT_API sprat_status sprat_cuda_loss(const sprat_loss_params* params, sprat_dtype dtype, const void* output,
                                       const void* target, sprat_target target_kind, const void* teacher,
                                       const void* sample_weight, int64_t rows, int64_t columns, void* grad_output,
                                       double* value, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns,
                                          void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_log_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns,
                                              void* stream) SPRAT_NOEXCEPT;

/* ---- networks ---------------------------------------------------------------------------------------------------- */

/* The structure of a network, and what a training pass keeps on the device. A workspace's memory grows when a batch
 * needs more, and is used by one stream at a time; the calls of a training pass go on the same one. */
typedef struct sprat_cuda_mlp sprat_cuda_mlp;
typedef struct sprat_cuda_workspace sprat_cuda_workspace;

/* See sprat_mlp_create. */
SPRAT_API sprat_status sprat_cuda_mlp_create(const sprat_layer* layers, int64_t num_layers, int64_t num_params,
                                             sprat_dtype dtype, sprat_cuda_mlp** mlp) SPRAT_NOEXCEPT;
SPRAT_API void sprat_cuda_mlp_destroy(sprat_cuda_mlp* mlp) SPRAT_NOEXCEPT; /* NULL is allowed */

/* See sprat_mlp_forward. */
SPRAT_API sprat_status sprat_cuda_mlp_forward(const sprat_cuda_mlp* mlp, const void* params, const void* x,
                                              int64_t rows, int64_t layer, const sprat_mlp_options* options, void* out,
                                              void* stream) SPRAT_NOEXCEPT;

SPRAT_API sprat_status sprat_cuda_workspace_create(sprat_cuda_workspace** workspace) SPRAT_NOEXCEPT;
/* Waits for the device, which may still use its memory. NULL is allowed. */
SPRAT_API void sprat_cuda_workspace_destroy(sprat_cuda_workspace* workspace) SPRAT_NOEXCEPT;

/* See sprat_mlp_forward_train, sprat_workspace_activations and sprat_mlp_backward. Of sprat_mlp_gradients, `frozen` and
 * the list `hidden` are host memory, as the device asks nobody what to do next. */
SPRAT_API sprat_status sprat_cuda_mlp_forward_train(const sprat_cuda_mlp* mlp, const void* params, const void* x,
                                                    int64_t rows, const sprat_mlp_options* options,
                                                    sprat_cuda_workspace* workspace, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_workspace_activations(sprat_cuda_workspace* workspace, const sprat_cuda_mlp* mlp,
                                                        int64_t layer, int64_t rows, void* out,
                                                        void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_mlp_backward(const sprat_cuda_mlp* mlp, const void* params,
                                               sprat_cuda_workspace* workspace, const void* grad_output, int64_t rows,
                                               const sprat_mlp_gradients* gradients, void* stream) SPRAT_NOEXCEPT;

/* Forward, loss and backward. With `loss` it waits for the stream. With loss NULL nobody waits: the value stays in the
 * workspace, and where sprat_loss would have refused an element (a class id beyond the columns, a weight below 0), the
 * loss and every gradient become NaN. */
SPRAT_API sprat_status sprat_cuda_mlp_loss_and_gradients(
    const sprat_cuda_mlp* mlp, const void* params, const sprat_mlp_batch* batch, const sprat_loss_params* loss_params,
    const sprat_mlp_options* options, sprat_cuda_workspace* workspace, const sprat_mlp_gradients* gradients,
    double* loss, void* stream) SPRAT_NOEXCEPT;
/* The loss of the last call that left one in the workspace. Waits for the stream. */
SPRAT_API sprat_status sprat_cuda_workspace_loss(const sprat_cuda_workspace* workspace, double* loss,
                                                 void* stream) SPRAT_NOEXCEPT;

/* A whole training step: sprat_cuda_mlp_loss_and_gradients, then sprat_cuda_optimizer_step with groups whose tensors
 * lie in params and gradients->params. Waits for the stream only if loss or grad_norm is not NULL or require_finite is
 * set; without them the caller advances the groups (sprat_optimizer_advance) and calls again. */
SPRAT_API sprat_status sprat_cuda_mlp_step(const sprat_cuda_mlp* mlp, const void* params, const sprat_mlp_batch* batch,
                                           const sprat_loss_params* loss_params, const sprat_mlp_options* options,
                                           sprat_cuda_workspace* workspace, const sprat_mlp_gradients* gradients,
                                           const sprat_optimizer_group* groups, int64_t num_groups,
                                           const sprat_optimizer_options* optimizer_options, double* loss,
                                           double* grad_norm, void* stream) SPRAT_NOEXCEPT;

/* ---- predictors -------------------------------------------------------------------------------------------------- */

/* A frozen network whose weights lie on the device. Any number of threads and streams may run one at once. */
typedef struct sprat_cuda_predictor sprat_cuda_predictor;

/* Copies the parameters, which lie on the device. Waits for the stream. */
SPRAT_API sprat_status sprat_cuda_predictor_create_mlp(const sprat_cuda_mlp* mlp, const void* params, void* stream,
                                                       sprat_cuda_predictor** predictor) SPRAT_NOEXCEPT;
/* See sprat_predictor_create_packed. The arrays of the layers are host memory, which is copied; waits for the stream.
 * float16, bfloat16 and sparse weights become dense float32 ones with the same bits for finite inputs (but for the sign
 * of a zero, see sprat_zeros); SPRAT_INPUT_BFLOAT16 is refused. */
SPRAT_API sprat_status sprat_cuda_predictor_create_packed(const sprat_packed_layer* layers, int64_t num_layers,
                                                          void* stream,
                                                          sprat_cuda_predictor** predictor) SPRAT_NOEXCEPT;
/* Waits for the device. NULL is allowed. */
SPRAT_API void sprat_cuda_predictor_destroy(sprat_cuda_predictor* predictor) SPRAT_NOEXCEPT;

SPRAT_API int64_t sprat_cuda_predictor_in_features(const sprat_cuda_predictor* predictor) SPRAT_NOEXCEPT;
SPRAT_API int64_t sprat_cuda_predictor_out_features(const sprat_cuda_predictor* predictor) SPRAT_NOEXCEPT;
SPRAT_API sprat_dtype sprat_cuda_predictor_dtype(const sprat_cuda_predictor* predictor) SPRAT_NOEXCEPT;

/* out (rows, out_features) for x (rows, in_features); they must not overlap. */
SPRAT_API sprat_status sprat_cuda_predictor_run(const sprat_cuda_predictor* predictor, const void* x, int64_t rows,
                                                void* out, void* stream) SPRAT_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
