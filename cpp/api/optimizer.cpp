// Optimizer steps: checks, clipping by the common norm, and the tensors of all groups spread over threads.
#include <cmath>
#include <limits>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/line_sum.h"
#include "api/optimizer_line.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings, even if it is awake: see kernels/README.md.
constexpr int64_t kGrain = 16384;

// ---- checks

sprat_status check_tensor(const sprat_optimizer_tensor& tensor, int32_t num_states, sprat_dtype dtype) {
  SPRAT_REQUIRE(tensor.size == sizeof tensor, "tensor.size: wanted %zu, got %zu", sizeof tensor, tensor.size);
  SPRAT_REQUIRE(tensor.length >= 0, "tensor.length: wanted at least 0, got %lld", shown(tensor.length));
  if (tensor.length == 0) return SPRAT_OK;
  const int64_t item = item_size(dtype);
  SPRAT_RETURN_IF_REFUSED(check_array("tensor.param", tensor.param, item));
  SPRAT_RETURN_IF_REFUSED(check_array("tensor.grad", tensor.grad, item));
  for (int32_t s = 0; s < num_states; ++s)
    SPRAT_RETURN_IF_REFUSED(check_array("tensor.states", tensor.states[s], item));
  if (tensor.ema) SPRAT_RETURN_IF_REFUSED(check_array("tensor.ema", tensor.ema, item));
  return SPRAT_OK;
}

sprat_status check_params(const sprat_optimizer_params& params) {
  SPRAT_REQUIRE(params.size == sizeof params, "params.size: wanted %zu, got %zu", sizeof params, params.size);
  SPRAT_REQUIRE(params.step >= 1, "params.step: counts from 1, got %lld", shown(params.step));
  constexpr double kAny = std::numeric_limits<double>::max(),
                   kBelowOne = 1 - std::numeric_limits<double>::epsilon() / 2;
  const struct {
    const char* name;
    double value, most;
  } numbers[] = {{"lr", params.lr, kAny},
                 {"beta1", params.beta1, kBelowOne},
                 {"beta2", params.beta2, kBelowOne},
                 {"eps", params.eps, kAny},
                 {"weight_decay", params.weight_decay, kAny},
                 {"momentum", params.momentum, kAny},
                 {"dampening", params.dampening, kAny},
                 {"alpha", params.alpha, kAny},
                 {"lr_decay", params.lr_decay, kAny},
                 {"momentum_decay", params.momentum_decay, kAny},
                 {"mu_product", params.mu_product, kAny}};
  for (const auto& number : numbers) {
    SPRAT_REQUIRE(number.value >= 0 && number.value <= number.most,
                  "params.%s: wanted a finite number in its range, got %g", number.name, number.value);
  }
  return SPRAT_OK;
}

sprat_status check_group(const sprat_optimizer_group& group) {
  SPRAT_REQUIRE(group.size == sizeof group, "group.size: wanted %zu, got %zu", sizeof group, group.size);
  SPRAT_REQUIRE(is_float(group.dtype), "group.dtype: wanted float32 or float64");
  const int32_t num_states = sprat_optimizer_num_states(group.optimizer);
  SPRAT_REQUIRE(num_states >= 0, "group.optimizer: there is no optimizer %d", group.optimizer);
  SPRAT_RETURN_IF_REFUSED(check_params(group.params));
  SPRAT_REQUIRE(group.num_tensors >= 0, "group.num_tensors: wanted at least 0, got %lld", shown(group.num_tensors));
  SPRAT_REQUIRE(group.tensors || group.num_tensors == 0, "group.tensors must not be NULL");
  for (int64_t t = 0; t < group.num_tensors; ++t) {
    SPRAT_RETURN_IF_REFUSED(check_tensor(group.tensors[t], num_states, group.dtype));
  }
  return SPRAT_OK;
}

sprat_status check_options(const sprat_optimizer_options& options) {
  SPRAT_REQUIRE(options.size == sizeof options, "options.size: wanted %zu, got %zu", sizeof options, options.size);
  SPRAT_REQUIRE(options.clip_norm >= 0, "options.clip_norm: wanted at least 0, got %g", options.clip_norm);
  SPRAT_REQUIRE(options.clip_value >= 0, "options.clip_value: wanted at least 0, got %g", options.clip_value);
  SPRAT_REQUIRE(options.ema_decay >= 0 && options.ema_decay < 1, "options.ema_decay: wanted a number in [0, 1), got %g",
                options.ema_decay);
  return SPRAT_OK;
}

// ---- the step

double squared_norm(const KernelTable& table, const sprat_optimizer_group* groups, int64_t num_groups, int64_t length) {
  return line_sum(length, [&] {
    return [&table, cursor = LineCursor(groups, num_groups)](int64_t begin, int64_t end, double* lanes) mutable {
      cursor.for_each_piece(begin, end,
                            [&](const sprat_optimizer_group& group, const sprat_optimizer_tensor& tensor, int64_t first,
                                int64_t last, int64_t position) {
                              const char* grad = advance(tensor.grad, first, item_size(group.dtype));
                              const uint8_t* mask = tensor.mask ? tensor.mask + first : nullptr;
                              table.reduce->sum_of_squares[group.dtype](grad, mask, last - first, position, lanes);
                            });
    };
  });
}

int64_t count_nonfinite(const KernelTable& table, const sprat_optimizer_group* groups, int64_t num_groups) {
  int64_t count = 0;
  for (int64_t g = 0; g < num_groups; ++g) {
    for (int64_t t = 0; t < groups[g].num_tensors; ++t) {
      const sprat_optimizer_tensor& tensor = groups[g].tensors[t];
      count += table.reduce->count_nonfinite[groups[g].dtype](tensor.grad, tensor.mask, tensor.length);
    }
  }
  return count;
}

// torch.nn.utils.clip_grad_norm_: min(1, clip_norm / (norm + 1e-6)). A norm that is NaN makes every gradient NaN.
double clip_coefficient(double clip_norm, double norm) {
  const double coefficient = clip_norm / (norm + 1e-6);
  return coefficient >= 1 ? 1 : coefficient;
}

void update(const KernelTable& table, const sprat_optimizer_group* groups, int64_t num_groups, int64_t length,
            const OptimizerPass& pass) {
  parallel_for(length, kGrain, [&](int64_t begin, int64_t end) {
    int64_t offset = 0;  // of the group on the line
    for (int64_t g = 0; g < num_groups && offset < end; ++g) {
      const sprat_optimizer_group& group = groups[g];
      const int64_t group_end = offset + group_length(group);
      if (begin < group_end) {
        table.optimizer->list[group.optimizer].step[group.dtype](group.params, pass, group.tensors, group.num_tensors,
                                                                 begin - offset, end - offset);
      }
      offset = group_end;
    }
  });
}

}  // namespace
}  // namespace sprat

using namespace sprat;

int32_t sprat_optimizer_count(void) noexcept { return kernels().optimizer->count; }

const char* sprat_optimizer_name(int32_t optimizer) noexcept { return name_in(*kernels().optimizer, optimizer); }

int32_t sprat_optimizer_find(const char* name) noexcept { return find_in(*kernels().optimizer, name); }

int32_t sprat_optimizer_num_states(int32_t optimizer) noexcept {
  return sprat_optimizer_name(optimizer) ? kernels().optimizer->list[optimizer].num_states : -1;
}

const char* sprat_optimizer_state_name(int32_t optimizer, int32_t state) noexcept {
  const bool exists = state >= 0 && state < sprat_optimizer_num_states(optimizer);
  return exists ? kernels().optimizer->list[optimizer].states[state] : nullptr;
}

sprat_status sprat_optimizer_advance(int32_t optimizer, sprat_optimizer_params* params) noexcept {
  SPRAT_REQUIRE(sprat_optimizer_name(optimizer), "optimizer: there is no optimizer %d", optimizer);
  SPRAT_REQUIRE(params, "params must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_params(*params));
  kernels().optimizer->list[optimizer].advance(*params);
  return SPRAT_OK;
}

sprat_status sprat_count_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t length,
                                   int64_t* count) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(length >= 0, "length: wanted at least 0, got %lld", shown(length));
  SPRAT_REQUIRE(count, "count must not be NULL");
  if (length > 0) SPRAT_RETURN_IF_REFUSED(check_array("x", x, item_size(dtype)));
  *count = kernels().reduce->count_nonfinite[dtype](x, mask, length);
  return SPRAT_OK;
}

sprat_status sprat_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                  const sprat_optimizer_options* options, double* grad_norm) noexcept {
  SPRAT_REQUIRE(num_groups >= 0, "num_groups: wanted at least 0, got %lld", shown(num_groups));
  SPRAT_REQUIRE(groups || num_groups == 0, "groups must not be NULL");
  SPRAT_REQUIRE(options, "options must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_options(*options));
  int64_t length = 0;
  for (int64_t g = 0; g < num_groups; ++g) {
    SPRAT_RETURN_IF_REFUSED(check_group(groups[g]));
    length += group_length(groups[g]);
  }
  const KernelTable& table = kernels();
  const double infinity = std::numeric_limits<double>::infinity();
  OptimizerPass pass{1.0, options->clip_value > 0 ? options->clip_value : infinity, options->ema_decay};

  if (options->clip_norm > 0 || options->require_finite || grad_norm) {
    const double squares = squared_norm(table, groups, num_groups, length);
    // A finite sum has finite terms; one that is not may still be an overflow of huge float64 gradients.
    if (options->require_finite && !std::isfinite(squares)) {
      const int64_t count = count_nonfinite(table, groups, num_groups);
      if (count > 0) {
        return refuse(SPRAT_NOT_FINITE, "grads: %lld elements are NaN or infinite", shown(count));
      }
    }
    const double norm = std::sqrt(squares);
    if (options->clip_norm > 0) pass.grad_scale = clip_coefficient(options->clip_norm, norm);
    if (grad_norm) *grad_norm = norm;
  }
  update(table, groups, num_groups, length, pass);
  return SPRAT_OK;
}
