#include "api/optimizer_checks.h"

#include <limits>

#include "api/checks.h"

namespace sprat {
namespace {

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

}  // namespace

sprat_status check_optimizer_params(const sprat_optimizer_params& params) {
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

sprat_status check_optimizer_group(const sprat_optimizer_group& group, int32_t num_states) {
  SPRAT_REQUIRE(group.size == sizeof group, "group.size: wanted %zu, got %zu", sizeof group, group.size);
  SPRAT_REQUIRE(is_float(group.dtype), "group.dtype: wanted float32 or float64");
  SPRAT_REQUIRE(num_states >= 0, "group.optimizer: there is no optimizer %d", group.optimizer);
  SPRAT_RETURN_IF_REFUSED(check_optimizer_params(group.params));
  SPRAT_REQUIRE(group.num_tensors >= 0, "group.num_tensors: wanted at least 0, got %lld", shown(group.num_tensors));
  SPRAT_REQUIRE(group.tensors || group.num_tensors == 0, "group.tensors must not be NULL");
  for (int64_t t = 0; t < group.num_tensors; ++t) {
    SPRAT_RETURN_IF_REFUSED(check_tensor(group.tensors[t], num_states, group.dtype));
  }
  return SPRAT_OK;
}

sprat_status check_optimizer_options(const sprat_optimizer_options& options) {
  SPRAT_REQUIRE(options.size == sizeof options, "options.size: wanted %zu, got %zu", sizeof options, options.size);
  SPRAT_REQUIRE(options.clip_norm >= 0, "options.clip_norm: wanted at least 0, got %g", options.clip_norm);
  SPRAT_REQUIRE(options.clip_value >= 0, "options.clip_value: wanted at least 0, got %g", options.clip_value);
  SPRAT_REQUIRE(options.ema_decay >= 0 && options.ema_decay < 1, "options.ema_decay: wanted a number in [0, 1), got %g",
                options.ema_decay);
  return SPRAT_OK;
}

sprat_status check_count_nonfinite(sprat_dtype dtype, const void* x, int64_t length, const int64_t* count) {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(length >= 0, "length: wanted at least 0, got %lld", shown(length));
  SPRAT_REQUIRE(count, "count must not be NULL");
  if (length > 0) SPRAT_RETURN_IF_REFUSED(check_array("x", x, item_size(dtype)));
  return SPRAT_OK;
}

}  // namespace sprat
