/* libsprat: small neural networks at native CPU speed.
 *
 * The one door to every kernel, for Python, Cython, C and C++. The rules:
 *  - A function returns a sprat_status; sprat_last_error() then holds one line for the calling thread.
 *  - A refused call changes nothing. No exception, signal, abort or print crosses this door.
 *  - The first field of a parameter struct is its size: set it to sizeof(the struct), and what you do not use to zero.
 *    A struct may grow at its end. A smaller size, of an older header, is accepted: what is missing counts as zero. So
 *    is a larger one, of a newer header, if all that this library does not know is zero. Structs that lie in arrays or
 *    in other structs never grow.
 *  - Arrays are contiguous, in native byte order and aligned to their element. Sizes count elements.
 *  - The library may be called from any thread. It takes no lock that a caller could wait on.
 */
#ifndef SPRAT_H
#define SPRAT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SPRAT_API __attribute__((visibility("default")))
#else
#define SPRAT_API
#endif

#ifdef __cplusplus
#define SPRAT_NOEXCEPT noexcept
extern "C" {
#else
#define SPRAT_NOEXCEPT
#endif

/* ---- status, version --------------------------------------------------------------------------------------------- */

typedef enum sprat_status {
  SPRAT_OK = 0,
  SPRAT_INVALID_ARGUMENT = 1,
  SPRAT_OUT_OF_MEMORY = 2,
  SPRAT_UNSUPPORTED = 3,  /* this build or this machine cannot do it */
  SPRAT_NOT_FINITE = 4,   /* a NaN or infinity where the caller forbade it */
  SPRAT_FORMAT_ERROR = 5, /* a file is not what it should be */
  SPRAT_FILE_ERROR = 6    /* a file cannot be opened or read */
} sprat_status;

/* Grows by one with every change that a program built for an older one could notice; with it the library's file gets
 * another name, and both can be installed. What is only added leaves it as it is. */
#define SPRAT_ABI_VERSION 1

SPRAT_API uint32_t sprat_abi_version(void) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_version(void) SPRAT_NOEXCEPT;

/* What the last refused call of this thread had to say; valid until the next refused call of this thread. */
SPRAT_API const char* sprat_last_error(void) SPRAT_NOEXCEPT;

typedef enum sprat_dtype { SPRAT_FLOAT32 = 0, SPRAT_FLOAT64 = 1, SPRAT_INT8 = 2, SPRAT_UINT8 = 3 } sprat_dtype;

/* ---- run time: instruction sets, threads, floating-point mode ---------------------------------------------------- */

/* Instruction sets of this build, weakest first. SPRAT_ISA in the environment names the one to use. */
SPRAT_API int32_t sprat_isa_count(void) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_isa_name(int32_t index) SPRAT_NOEXCEPT; /* NULL beyond the last */
SPRAT_API int32_t sprat_isa_supported(const char* name) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_isa(void) SPRAT_NOEXCEPT; /* the one in use */
SPRAT_API sprat_status sprat_set_isa(const char* name) SPRAT_NOEXCEPT;

/* Threads that a call may use at most. Results never depend on it. 0 returns to the automatic number:
 * SPRAT_NUM_THREADS, else OMP_NUM_THREADS, else the processors that affinity and cgroup quota leave to this process. */
SPRAT_API int32_t sprat_num_threads(void) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_num_threads_source(void) SPRAT_NOEXCEPT;  /* what decided the number */
SPRAT_API const char* sprat_num_threads_warning(void) SPRAT_NOEXCEPT; /* environment values that were ignored, or "" */
SPRAT_API sprat_status sprat_set_num_threads(int32_t count) SPRAT_NOEXCEPT;
/* The same for the calling thread alone; previous, if not NULL, receives what to restore later. */
SPRAT_API sprat_status sprat_set_thread_num_threads(int32_t count, int32_t* previous) SPRAT_NOEXCEPT;

/* Who runs the threads: "pool" (sprat's own, the default) or "openmp". SPRAT_THREADING in the environment chooses. */
SPRAT_API const char* sprat_threading(void) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_set_threading(const char* name) SPRAT_NOEXCEPT;

/* The floating-point mode of the calling thread. Kernels run in the IEEE default whatever it is, and leave it alone. */
typedef struct sprat_float_mode {
  size_t size;
  int32_t flush_to_zero, denormals_are_zero, traps;
  const char* rounding; /* "nearest even", "down", "up", "toward zero" */
} sprat_float_mode;
SPRAT_API sprat_status sprat_get_float_mode(sprat_float_mode* mode) SPRAT_NOEXCEPT;

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

/* A random order of 0 ... length - 1, a function of (seed, stream, length) alone. */
SPRAT_API sprat_status sprat_permutation(uint64_t seed, uint64_t stream, int64_t length, int64_t* out) SPRAT_NOEXCEPT;

/* low + (high - low) * u with u uniform in [0, 1). Element i is a function of (seed, stream, i) alone. */
SPRAT_API sprat_status sprat_fill_uniform(sprat_dtype dtype, uint64_t seed, uint64_t stream, double low, double high,
                                          int64_t length, void* out) SPRAT_NOEXCEPT;

/* mean + std * z with z standard normal. Element i is a function of (seed, stream, i) alone. */
SPRAT_API sprat_status sprat_fill_normal(sprat_dtype dtype, uint64_t seed, uint64_t stream, double mean, double std,
                                         int64_t length, void* out) SPRAT_NOEXCEPT;

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

#define SPRAT_OPTIMIZER_MAX_STATES 3

/* Hyper-parameters under the names of torch.optim; an optimizer reads those it knows. All are finite and not negative,
 * beta1 and beta2 below 1. */
typedef struct sprat_optimizer_params {
  size_t size;
  int64_t step; /* 1 for the first update */
  double lr;
  double beta1, beta2, eps, weight_decay;
  double momentum, dampening;
  double alpha;          /* RMSprop: decay of the squared gradient */
  double lr_decay;       /* Adagrad */
  double momentum_decay; /* NAdam */
  double mu_product;     /* NAdam: product of its momenta over the steps before this one; 1 at the first */
  int32_t nesterov, maximize, decoupled_weight_decay;
} sprat_optimizer_params;

/* No array that a step writes may overlap another array of the step. Gradients may overlap each other. */
typedef struct sprat_optimizer_tensor {
  size_t size;
  int64_t length;
  void* param;
  const void* grad;
  void* states[SPRAT_OPTIMIZER_MAX_STATES]; /* as many as sprat_optimizer_num_states() tells; they begin as zeros */
  const uint8_t* mask;                      /* 0: parameter, states and ema are set to +0, grad is not looked at */
  void* ema;                                /* moving average of the parameter. It and the mask may be NULL. */
} sprat_optimizer_tensor;

typedef struct sprat_optimizer_group {
  size_t size;
  int32_t optimizer; /* from sprat_optimizer_find() */
  sprat_dtype dtype; /* float32 or float64, of every array but the masks */
  sprat_optimizer_params params;
  const sprat_optimizer_tensor* tensors;
  int64_t num_tensors;
} sprat_optimizer_group;

typedef struct sprat_optimizer_options {
  size_t size;
  double clip_norm;       /* gradients times min(1, clip_norm / (norm + 1e-6)), norm over all groups; 0: off */
  double clip_value;      /* then clamped to [-clip_value, clip_value]; 0: off */
  double ema_decay;       /* ema = ema_decay * ema + (1 - ema_decay) * param, in [0, 1) */
  int32_t require_finite; /* a NaN or infinity in any gradient: SPRAT_NOT_FINITE, and nothing is changed */
} sprat_optimizer_options;

SPRAT_API int32_t sprat_optimizer_count(void) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_optimizer_name(int32_t optimizer) SPRAT_NOEXCEPT;   /* NULL beyond the last */
SPRAT_API int32_t sprat_optimizer_find(const char* name) SPRAT_NOEXCEPT;        /* -1: no such optimizer */
SPRAT_API int32_t sprat_optimizer_num_states(int32_t optimizer) SPRAT_NOEXCEPT; /* -1: no such optimizer */
/* Name of a state, as torch.optim calls it: "exp_avg". NULL beyond the last. */
SPRAT_API const char* sprat_optimizer_state_name(int32_t optimizer, int32_t state) SPRAT_NOEXCEPT;

/* One update of every tensor of every group, in place. grad_norm, if not NULL, receives the common 2-norm of the
 * gradients before clipping. */
SPRAT_API sprat_status sprat_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                            const sprat_optimizer_options* options, double* grad_norm) SPRAT_NOEXCEPT;

/* Turns the hyper-parameters of a step into those of the step after it: step + 1, and NAdam's mu_product. */
SPRAT_API sprat_status sprat_optimizer_advance(int32_t optimizer, sprat_optimizer_params* params) SPRAT_NOEXCEPT;

/* How many elements are NaN or infinite; with a mask, of those where it is not 0. */
SPRAT_API sprat_status sprat_count_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t length,
                                             int64_t* count) SPRAT_NOEXCEPT;

/* ---- activations ------------------------------------------------------------------------------------------------- */

SPRAT_API int32_t sprat_activation_count(void) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_activation_name(int32_t activation) SPRAT_NOEXCEPT; /* NULL beyond the last */
SPRAT_API int32_t sprat_activation_find(const char* name) SPRAT_NOEXCEPT;       /* -1: no such activation */
/* Whether the gradient needs z; the others know it from y alone. -1: no such activation. */
SPRAT_API int32_t sprat_activation_needs_input(int32_t activation) SPRAT_NOEXCEPT;

/* y = f(z), element by element. y may be z. */
SPRAT_API sprat_status sprat_activation_forward(int32_t activation, sprat_dtype dtype, const void* z, void* y,
                                                int64_t length) SPRAT_NOEXCEPT;

/* grad_z = grad_y * f'(z), where y = f(z). grad_z may be any of the others; z may be NULL if it is not needed. */
SPRAT_API sprat_status sprat_activation_backward(int32_t activation, sprat_dtype dtype, const void* z, const void* y,
                                                 const void* grad_y, void* grad_z, int64_t length) SPRAT_NOEXCEPT;

/* ---- losses ------------------------------------------------------------------------------------------------------ */

typedef struct sprat_loss_params {
  size_t size;
  int32_t loss;             /* from sprat_loss_find(): cross_entropy, bce_with_logits, mse, mae, huber */
  double label_smoothing;   /* cross_entropy, in [0, 1): target = (1 - label_smoothing) * target + label_smoothing /
                               columns */
  double delta;             /* huber, > 0: where the square turns into a line */
  double temperature;       /* with a teacher, > 0 */
  double alpha;             /* with a teacher, in [0, 1]: the teacher's share of the loss */
  const void* class_weight; /* cross_entropy: (columns,) of the dtype of output, not negative; NULL: ones */
  const void* pos_weight;   /* bce_with_logits: (columns,) of the dtype of output, not negative; NULL: ones */
} sprat_loss_params;

typedef enum sprat_target {
  SPRAT_TARGET_NUMBERS = 0, /* (rows, columns) of the dtype of output: values, or the share of each class */
  SPRAT_TARGET_CLASSES = 1  /* (rows,) int64 class ids in [0, columns); cross_entropy only */
} sprat_target;

SPRAT_API int32_t sprat_loss_count(void) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_loss_name(int32_t loss) SPRAT_NOEXCEPT; /* NULL beyond the last */
SPRAT_API int32_t sprat_loss_find(const char* name) SPRAT_NOEXCEPT; /* -1: no such loss */

/* The mean loss of a batch, and its gradient with respect to output, in one pass.
 *
 *   hard  = sum_i u_i * l_i / D                u: sample_weight, (rows,) of the dtype of output; NULL: ones
 *   value = hard                               without a teacher
 *   value = alpha * soft + (1 - alpha) * hard  with the teacher's raw outputs, (rows, columns) of the dtype of output
 *
 * D = sum_i u_i * class_weight[target_i] for class ids, sum_i u_i for shares, columns * sum_i u_i for the losses that
 * take each column on its own (torch's "mean"). soft is temperature^2 * KL(teacher || student) of the softmax (of the
 * sigmoid, for bce_with_logits) of the outputs divided by temperature (Hinton et al. 2015), with D = sum_i u_i (times
 * columns for bce_with_logits); for mse, mae and huber it is the same loss against the teacher.
 *
 * A part whose share is 0 is left out: target may be NULL if alpha is 1 and there is a teacher. grad_output may be NULL
 * (value only), or output itself if there is no teacher; it must overlap nothing else. */
SPRAT_API sprat_status sprat_loss(const sprat_loss_params* params, sprat_dtype dtype, const void* output,
                                  const void* target, sprat_target target_kind, const void* teacher,
                                  const void* sample_weight, int64_t rows, int64_t columns, void* grad_output,
                                  double* value) SPRAT_NOEXCEPT;

/* y = softmax(x), or log(softmax(x)), of each row of (rows, columns). y may be x. */
SPRAT_API sprat_status sprat_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows,
                                     int64_t columns) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_log_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows,
                                         int64_t columns) SPRAT_NOEXCEPT;

/* ---- pruning ----------------------------------------------------------------------------------------------------- */

typedef struct sprat_prune_array {
  size_t size;
  int64_t length;
  void* x;       /* changed in place: what is pruned becomes +0 */
  uint8_t* mask; /* NULL, or as long as x: 1 where x stays, 0 where it was pruned */
} sprat_prune_array;

/* Prunes where |x| < threshold; NaN stays. pruned, if not NULL, receives how many elements are below. */
SPRAT_API sprat_status sprat_prune_threshold(sprat_dtype dtype, const sprat_prune_array* array, double threshold,
                                             int64_t* pruned) SPRAT_NOEXCEPT;

/* Prunes exactly the `count` elements of smallest magnitude of all arrays together; among equals the first in the order
 * of the arrays go. threshold, if not NULL, receives the largest magnitude that was pruned (0 if count is 0). */
SPRAT_API sprat_status sprat_prune_smallest(sprat_dtype dtype, const sprat_prune_array* arrays, int64_t num_arrays,
                                            int64_t count, double* threshold) SPRAT_NOEXCEPT;

/* ---- networks: layers of act(x weight^T + bias) ------------------------------------------------------------------ */

typedef struct sprat_mlp sprat_mlp;             /* a structure without values; never changes, any thread may use it */
typedef struct sprat_workspace sprat_workspace; /* what a training pass keeps; one call at a time */

/* All parameters lie in one array; offsets count elements. weight is (out_features, in_features). */
typedef struct sprat_layer {
  size_t size;
  int64_t in_features, out_features;
  int64_t weight_offset, bias_offset;
  double dropout;     /* in [0, 1): share of the activations that training drops; 0 for the last layer */
  int32_t activation; /* from sprat_activation_find() */
  int32_t has_bias;
} sprat_layer;

/* x becomes (clamp(round_even(x / scale) + zero_point, quant_min, quant_max) - zero_point) * scale; the gradient passes
 * unchanged where nothing saturates (straight-through estimator), and is 0 elsewhere. */
typedef struct sprat_fake_quant {
  size_t size;
  double scale;
  int32_t zero_point, quant_min, quant_max; /* quant_min <= zero_point <= quant_max, quant_min < quant_max */
} sprat_fake_quant;

/* How a pass runs; NULL stands for zeros.
 *
 * Dropout decides about element (row, column) of layer l by Philox with key dropout_seed, stream
 * 0xD0 << 56 | step << 16 | l and block (first_row + row) * ceil(columns / 4) + column / 4: neither threads nor how a
 * batch is split into calls change a bit, as long as first_row tells where in the batch the call's rows begin. */
typedef struct sprat_mlp_options {
  size_t size;
  uint64_t dropout_seed;
  int64_t step;                               /* in [0, 2^40) */
  int64_t first_row;                          /* at least 0 */
  const sprat_fake_quant* const* input_quant; /* one for each layer's input, NULL where there is none; or NULL */
  int32_t without_dropout;
} sprat_mlp_options;

/* num_layers in [1, 65536). num_params is the length of the array of parameters. */
SPRAT_API sprat_status sprat_mlp_create(const sprat_layer* layers, int64_t num_layers, int64_t num_params,
                                        sprat_dtype dtype, sprat_mlp** mlp) SPRAT_NOEXCEPT;
SPRAT_API void sprat_mlp_destroy(sprat_mlp* mlp) SPRAT_NOEXCEPT; /* NULL is allowed */

/* What it was made of; mlp must not be NULL. */
SPRAT_API int64_t sprat_mlp_num_layers(const sprat_mlp* mlp) SPRAT_NOEXCEPT;
SPRAT_API int64_t sprat_mlp_num_params(const sprat_mlp* mlp) SPRAT_NOEXCEPT;
SPRAT_API sprat_dtype sprat_mlp_dtype(const sprat_mlp* mlp) SPRAT_NOEXCEPT;
SPRAT_API const sprat_layer* sprat_mlp_layer(const sprat_mlp* mlp, int64_t layer) SPRAT_NOEXCEPT; /* NULL: none */

/* The activations after layer `layer` for x (rows, in_features), without dropout; out is (rows, its out_features) and
 * must not overlap x or params. The last layer gives the network's output. */
SPRAT_API sprat_status sprat_mlp_forward(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                                         int64_t layer, const sprat_mlp_options* options, void* out) SPRAT_NOEXCEPT;

SPRAT_API sprat_status sprat_workspace_create(sprat_workspace** workspace) SPRAT_NOEXCEPT;
SPRAT_API void sprat_workspace_destroy(sprat_workspace* workspace) SPRAT_NOEXCEPT; /* NULL is allowed */

/* With dropout, keeping in the workspace what backward needs. x must stay as it is until then. */
SPRAT_API sprat_status sprat_mlp_forward_train(const sprat_mlp* mlp, const void* params, const void* x, int64_t rows,
                                               const sprat_mlp_options* options,
                                               sprat_workspace* workspace) SPRAT_NOEXCEPT;

/* Copies what a layer gave in the last training pass of this network, before dropout, to out (rows, out_features). */
SPRAT_API sprat_status sprat_workspace_activations(sprat_workspace* workspace, const sprat_mlp* mlp, int64_t layer,
                                                   int64_t rows, void* out) SPRAT_NOEXCEPT;

typedef struct sprat_mlp_gradients {
  size_t size;
  void* params;          /* out: as long as the parameters; 0 for what is frozen or belongs to no layer */
  void* x;               /* out: (rows, in_features); NULL: not wanted */
  const uint8_t* frozen; /* two for each layer, weight and bias: not 0 means that no gradient is wanted; NULL: none. */
                         /* Nothing is computed below the lowest layer with a gradient to give. */
  /* Gradients with respect to each layer's activations before dropout, to be added to those from above; NULL where
   * there is none; or NULL. Not for the last layer. */
  const void* const* hidden;
} sprat_mlp_gradients;

/* The gradients for grad_output (rows, out_features), after sprat_mlp_forward_train with the same parameters. */
SPRAT_API sprat_status sprat_mlp_backward(const sprat_mlp* mlp, const void* params, sprat_workspace* workspace,
                                          const void* grad_output, int64_t rows,
                                          const sprat_mlp_gradients* gradients) SPRAT_NOEXCEPT;

/* A batch and what its outputs shall be: see sprat_loss. */
typedef struct sprat_mlp_batch {
  size_t size;
  int64_t rows;
  const void* x;
  const void* target;
  sprat_target target_kind;
  const void* teacher;
  const void* sample_weight;
} sprat_mlp_batch;

/* Forward, loss and backward in one call. */
SPRAT_API sprat_status sprat_mlp_loss_and_gradients(const sprat_mlp* mlp, const void* params,
                                                    const sprat_mlp_batch* batch, const sprat_loss_params* loss_params,
                                                    const sprat_mlp_options* options, sprat_workspace* workspace,
                                                    const sprat_mlp_gradients* gradients, double* loss) SPRAT_NOEXCEPT;

/* ---- training: forward, loss, backward and update of whole mini-batches ------------------------------------------ */

/* All rows to learn from. target, target_kind, teacher and sample_weight are as in sprat_mlp_batch. */
typedef struct sprat_training_data {
  size_t size;
  int64_t rows;
  const void* x;       /* (rows, in_features) of x_dtype */
  sprat_dtype x_dtype; /* any: the numbers of a batch become those of the network when it is gathered */
  const void* target;
  sprat_target target_kind;
  const void* teacher;
  const void* sample_weight;
  const double* share; /* (rows,): what each row counts in the mean of an epoch; NULL: 1 */
} sprat_training_data;

/* What learns, and how. The tensors of the groups lie in params and gradients->params. */
typedef struct sprat_training {
  size_t size;
  const sprat_mlp* mlp;
  const void* params;
  sprat_workspace* workspace;
  const sprat_loss_params* loss;
  const sprat_mlp_gradients* gradients; /* its x and hidden must be NULL */
  sprat_optimizer_group* groups;        /* at their next step; each step made advances them (sprat_optimizer_advance) */
  int64_t num_groups;
  const sprat_optimizer_options* optimizer;
  /* Stop before a step whose loss is not finite, or whose gradients' squares do not sum to less; 0: make every step. */
  double safe_energy;
} sprat_training;

/* A stretch of the mini-batches of an epoch: batch b has rows order[b * batch_size] ... order[(b + 1) * batch_size -
 * 1], the last one what is left. */
typedef struct sprat_stretch {
  size_t size;
  const int64_t* order; /* (length,) row numbers; NULL: 0 ... length - 1 */
  int64_t length;
  int64_t batch_size;
  int64_t first_batch, num_batches;
  const sprat_mlp_options* options; /* of the first step; options.step counts the steps on from there; NULL: zeros */
  const double* lr;                 /* (num_batches,): the rate of every group at each step; NULL: as the groups say */
  double max_seconds;               /* end after the step in which they have passed; 0: no limit */
  double* losses;                   /* out (num_batches,): the loss of each step made; NULL: not wanted */
} sprat_stretch;

typedef enum sprat_stretch_end {
  SPRAT_STRETCH_DONE = 0,       /* num_batches steps are made */
  SPRAT_STRETCH_TIME = 1,       /* max_seconds have passed */
  SPRAT_STRETCH_UNSAFE = 2,     /* the next step is not safe: see sprat_training.safe_energy */
  SPRAT_STRETCH_NOT_FINITE = 3, /* the optimizer refused the next step: see sprat_optimizer_options.require_finite */
  SPRAT_STRETCH_REFUSED = 4     /* the next batch cannot be used; sprat_last_error() says why */
} sprat_stretch_end;

typedef struct sprat_stretch_result {
  size_t size;
  int64_t steps; /* made: parameters, states and groups stand there, at the end of a whole step */
  sprat_stretch_end end;
  double loss;         /* of the last step made; NaN if there is none */
  double refused_loss; /* of the batch whose step was not made; NaN if its loss was not computed */
  /* Each step made adds loss * w and w, where w is the sum of the shares of its rows, rounded once. */
  double loss_sum, loss_weight;
  double grad_norm; /* of the last step made, before clipping; NaN unless the optimizer clips by the norm */
} sprat_stretch_result;

/* The bits are those of sprat_mlp_loss_and_gradients and sprat_optimizer_step, batch by batch. Refused, and nothing but
 * gradients->params and result changed, if already the first batch cannot be used; a later one ends the stretch. */
SPRAT_API sprat_status sprat_train(const sprat_training* training, const sprat_training_data* data,
                                   const sprat_stretch* stretch, sprat_stretch_result* result) SPRAT_NOEXCEPT;

/* ---- predictors -------------------------------------------------------------------------------------------------- */

/* A frozen network. Any number of threads may run one at once; in the steady state a run allocates nothing. */
typedef struct sprat_predictor sprat_predictor;

/* Copies what it needs of params. */
SPRAT_API sprat_status sprat_predictor_create_mlp(const sprat_mlp* mlp, const void* params,
                                                  sprat_predictor** predictor) SPRAT_NOEXCEPT;
SPRAT_API void sprat_predictor_destroy(sprat_predictor* predictor) SPRAT_NOEXCEPT; /* NULL is allowed */

SPRAT_API int64_t sprat_predictor_in_features(const sprat_predictor* predictor) SPRAT_NOEXCEPT;  /* -1 for NULL */
SPRAT_API int64_t sprat_predictor_out_features(const sprat_predictor* predictor) SPRAT_NOEXCEPT; /* -1 for NULL */
SPRAT_API sprat_dtype sprat_predictor_dtype(const sprat_predictor* predictor) SPRAT_NOEXCEPT;    /* of x and out */
/* Of one row: what a caller weighs against the cost of letting go of a lock. -1 for NULL. */
SPRAT_API int64_t sprat_predictor_multiply_adds(const sprat_predictor* predictor) SPRAT_NOEXCEPT;

/* How a layer is computed for so many rows, in a few words of English; NULL where there is no such layer. */
SPRAT_API const char* sprat_predictor_kernel(const sprat_predictor* predictor, int64_t layer,
                                             int64_t rows) SPRAT_NOEXCEPT;

/* out (rows, out_features) for x (rows, in_features); they must not overlap. */
SPRAT_API sprat_status sprat_predictor_run(const sprat_predictor* predictor, const void* x, int64_t rows,
                                           void* out) SPRAT_NOEXCEPT;

/* ---- quantize ---------------------------------------------------------------------------------------------------- */

/* Smallest and largest code of an integer type; refused where real numbers cannot be quantized to it. */
SPRAT_API sprat_status sprat_quant_limits(sprat_dtype integer, int32_t* low, int32_t* high) SPRAT_NOEXCEPT;

/* An array of real numbers seen as (outer, channels, inner), C order, with a scale and a zero point for each channel;
 * per tensor: channels = 1. */
typedef struct sprat_quantizer {
  size_t size;
  sprat_dtype real, integer;
  int32_t quant_min, quant_max; /* the codes in use, within the integer type */
  int64_t outer, channels, inner;
  const void* scales;      /* `channels` numbers of the real type, finite and positive */
  const void* zero_points; /* `channels` numbers of the integer type in [quant_min, quant_max]; NULL: all 0 */
} sprat_quantizer;

/* q = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max). An infinity saturates, a NaN becomes
 * zero_point. x and q must not overlap. */
SPRAT_API sprat_status sprat_quantize(const sprat_quantizer* quantizer, const void* x, void* q) SPRAT_NOEXCEPT;

/* x = (q - zero_point) * scale. */
SPRAT_API sprat_status sprat_dequantize(const sprat_quantizer* quantizer, const void* q, void* x) SPRAT_NOEXCEPT;

/* Both, without the integers between. inside, if not NULL, receives 1 where x did not saturate and 0 elsewhere: the
 * straight-through gradient. y may be x itself, and overlaps it in no other way. */
SPRAT_API sprat_status sprat_fake_quantize(const sprat_quantizer* quantizer, const void* x, void* y,
                                           uint8_t* inside) SPRAT_NOEXCEPT;

/* Smallest and largest finite number of each channel of an array seen as (outer, channels, inner); a channel without
 * any gets infinity and -infinity. non_finite, if not NULL, receives the number of infinities and NaN. */
SPRAT_API sprat_status sprat_value_range(sprat_dtype real, int64_t outer, int64_t channels, int64_t inner,
                                         const void* x, void* low, void* high, int64_t* non_finite) SPRAT_NOEXCEPT;

/* Scales and zero points for n ranges of real numbers, each widened to hold 0 (formulas/quantize/choose_qparams.h). */
SPRAT_API sprat_status sprat_choose_qparams(sprat_dtype real, int64_t n, const void* low, const void* high,
                                            int32_t quant_min, int32_t quant_max, int32_t symmetric, void* scales,
                                            int32_t* zero_points) SPRAT_NOEXCEPT;

/* ---- what the machine can do ------------------------------------------------------------------------------------- */

/* Operations a second (a multiply-add is two) of one thread at most, with float32 or with uint8 x int8 (SPRAT_INT8), by
 * the instruction set in use; measured anew in some milliseconds. */
SPRAT_API sprat_status sprat_limit_of_products(sprat_dtype dtype, double* per_second) SPRAT_NOEXCEPT;
/* Bytes a second that one thread reads at most, again and again, from so many of them (at least 1024). */
SPRAT_API sprat_status sprat_limit_of_reading(int64_t bytes, double* per_second) SPRAT_NOEXCEPT;

/* ---- packed networks --------------------------------------------------------------------------------------------- */

/* How the weights of a layer are stored, and with it how they are multiplied. */
typedef enum sprat_weights {
  SPRAT_WEIGHTS_FLOAT32 = 0,
  SPRAT_WEIGHTS_FLOAT16 = 1,  /* IEEE binary16, widened to float32 */
  SPRAT_WEIGHTS_BFLOAT16 = 2, /* the upper half of a float32, widened to it */
  SPRAT_WEIGHTS_INT8 = 3,     /* integer products with exact 32-bit sums */
  SPRAT_WEIGHTS_INT4 = 4      /* the same, exact within each group */
} sprat_weights;

/* What becomes of the zeros of a weight. They change no bit of the output for finite inputs, but for the sign of a zero
 * where every product of a sum underflows: without zeros it is +0. */
typedef enum sprat_zeros {
  SPRAT_ZEROS_DENSE = 0,        /* multiplied as other numbers are */
  SPRAT_ZEROS_UNSTRUCTURED = 1, /* each left out; float32 */
  SPRAT_ZEROS_BLOCKS = 2        /* left out where a whole block is: 16 consecutive outputs by one input in
                                   float32, by four consecutive inputs in int8 */
} sprat_zeros;

/* In which form a layer multiplies its input. */
typedef enum sprat_input {
  SPRAT_INPUT_FLOAT = 0,   /* as it is; weights of float32, float16, bfloat16 */
  SPRAT_INPUT_STATIC = 1,  /* as uint8 codes, by input_scale and input_zero_point; int8 and int4 */
  SPRAT_INPUT_DYNAMIC = 2, /* as uint8 codes, each row by its own range; int8 and int4 */
  SPRAT_INPUT_BFLOAT16 = 3 /* rounded to bfloat16, products by the CPU's instruction where there is one: faster, and not
                              the same bits on every CPU; bfloat16 weights */
} sprat_input;

/* y = activation(x weight^T + bias), float32 outside. With integers
 *   y = activation((sum_k x[k] weight[n][k] - input_zero_point * sum_k weight[n][k]) * (input_scale * weight_scales[n])
 *                  + bias[n])
 * and for int4 the sum over groups g of inputs, ascending by fused multiply-add from zero, of
 *   (sum_(k in g) x[k] weight[n][k] - input_zero_point * sum_(k in g) weight[n][k]) * weight_scales[n][g]
 * times input_scale, plus bias. Where this layer's input and the next one's are static and the activation is identity
 * or relu, the next layer reads codes that no y lies behind, which may differ by one from those of y near a half:
 *   clamp(round_half_even(sum * (input_scale * weight_scales[n] / next_scale) + (bias[n] / next_scale +
 *         next_zero_point)), low, 255), low = next_zero_point behind relu, else 0 */
typedef struct sprat_packed_layer {
  size_t size;
  int64_t in_features, out_features; /* with integers in_features is at most 65793: beyond it sums could overflow */
  int32_t weights;                   /* of sprat_weights */
  int32_t zeros;                     /* of sprat_zeros */
  int32_t input;                     /* of sprat_input */
  int32_t activation;                /* from sprat_activation_find() */
  const void* weight; /* (out_features, in_features); int4: rows of (in_features + 1) / 2 bytes, two's complement,
                         the first of two in the low half */
  const float* weight_scales; /* int8: out_features; int4: (out_features, groups); else NULL */
  int64_t group_size; /* int4: inputs that share a scale, a multiple of 32; the last group may be shorter; else 0 */
  const float* bias;  /* out_features, or NULL */
  float input_scale;  /* SPRAT_INPUT_STATIC; also the next */
  int32_t input_zero_point; /* 0 to 255 */
} sprat_packed_layer;

/* Copies what it needs of the layers. In a run of integers a NaN counts as 0 and an infinity saturates; dynamic ranges
 * leave both out. */
SPRAT_API sprat_status sprat_predictor_create_packed(const sprat_packed_layer* layers, int64_t num_layers,
                                                     sprat_predictor** predictor) SPRAT_NOEXCEPT;

/* ---- model files ------------------------------------------------------------------------------------------------- */

/* A model as sprat.save() writes it: safetensors of the kinds "mlp" and "packed_mlp". Every byte is proved before there
 * is a model: unknown version, hole, overlap, trailing byte, sizes that do not chain, a scale that is not finite and
 * positive ... are a SPRAT_FORMAT_ERROR, and sprat_last_error() names the file and the first thing that is wrong. What
 * is allocated is in proportion to the file, whatever it claims. A checkpoint of a training run is SPRAT_UNSUPPORTED.
 */
typedef struct sprat_model sprat_model;

/* path is in the encoding of the file system. */
SPRAT_API sprat_status sprat_model_load_file(const char* path, sprat_model** model) SPRAT_NOEXCEPT;
/* The bytes of such a file, of any alignment; they are not needed afterwards. */
SPRAT_API sprat_status sprat_model_load_memory(const void* bytes, size_t size, sprat_model** model) SPRAT_NOEXCEPT;
SPRAT_API void sprat_model_destroy(sprat_model* model) SPRAT_NOEXCEPT; /* NULL is allowed */

/* What follows belongs to the model and lives as long as it. model must not be NULL. */
SPRAT_API const char* sprat_model_kind(const sprat_model* model) SPRAT_NOEXCEPT; /* "mlp", "packed_mlp" */
SPRAT_API int64_t sprat_model_in_features(const sprat_model* model) SPRAT_NOEXCEPT;
SPRAT_API int64_t sprat_model_out_features(const sprat_model* model) SPRAT_NOEXCEPT;
SPRAT_API sprat_dtype sprat_model_dtype(const sprat_model* model) SPRAT_NOEXCEPT; /* of x and out */
/* The configuration as the file has it, JSON: layers, and how a table is coded, if the model was trained on one. */
SPRAT_API const char* sprat_model_config(const sprat_model* model) SPRAT_NOEXCEPT;
/* The loss it was trained with, which says what its outputs mean: for sprat_loss_find(). NULL: the file does not say.
 */
SPRAT_API const char* sprat_model_loss(const sprat_model* model) SPRAT_NOEXCEPT;
/* Names of the classes in the order of their ids, UTF-8; 0 and NULL where they have none. */
SPRAT_API int64_t sprat_model_num_classes(const sprat_model* model) SPRAT_NOEXCEPT;
SPRAT_API const char* sprat_model_class_name(const sprat_model* model, int64_t index) SPRAT_NOEXCEPT;

/* For training, of the kind "mlp"; NULL for others. */
SPRAT_API const sprat_mlp* sprat_model_mlp(const sprat_model* model) SPRAT_NOEXCEPT;
/* Its parameters, sprat_mlp_num_params() of them, aligned to 64 bytes; yours to change. */
SPRAT_API void* sprat_model_params(sprat_model* model) SPRAT_NOEXCEPT;
/* 0 for each parameter that is held at zero, as sprat_optimizer_tensor.mask wants it; NULL: none is. */
SPRAT_API const uint8_t* sprat_model_mask(const sprat_model* model) SPRAT_NOEXCEPT;
/* Which parameters do not learn, as sprat_mlp_gradients.frozen wants it. */
SPRAT_API const uint8_t* sprat_model_frozen(const sprat_model* model) SPRAT_NOEXCEPT;
/* Of a model from quantization-aware training, as sprat_mlp_options.input_quant wants it; NULL: it is none. */
SPRAT_API const sprat_fake_quant* const* sprat_model_input_quant(const sprat_model* model) SPRAT_NOEXCEPT;

/* A predictor with the bits of Python's; the model is not needed afterwards. A model that is under quantization-aware
 * training is refused: it is to be quantized first. */
SPRAT_API sprat_status sprat_predictor_create_model(const sprat_model* model,
                                                    sprat_predictor** predictor) SPRAT_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
