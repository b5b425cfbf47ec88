// Optimizer steps: checks, and the tensors of all groups spread over threads.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "api/dispatch.h"
#include "api/status.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrain = 16384;

sprat_status check_tensor(const sprat_optimizer_tensor& tensor, int32_t num_states) {
  SPRAT_REQUIRE(tensor.size == sizeof tensor, "tensor.size: wanted %zu, got %zu", sizeof tensor, tensor.size);
  SPRAT_REQUIRE(tensor.length >= 0, "tensor.length: wanted at least 0, got %lld",
                static_cast<long long>(tensor.length));
  if (tensor.length == 0) return SPRAT_OK;
  SPRAT_REQUIRE(tensor.param && tensor.grad, "tensor: param and grad must not be NULL");
  for (int32_t s = 0; s < num_states; ++s) SPRAT_REQUIRE(tensor.states[s], "tensor.states[%d] must not be NULL", s);
  return SPRAT_OK;
}

sprat_status check_group(const sprat_optimizer_group& group) {
  SPRAT_REQUIRE(group.size == sizeof group, "group.size: wanted %zu, got %zu", sizeof group, group.size);
  SPRAT_REQUIRE(group.params.size == sizeof group.params, "params.size: wanted %zu, got %zu", sizeof group.params,
                group.params.size);
  SPRAT_REQUIRE(group.dtype == SPRAT_FLOAT32 || group.dtype == SPRAT_FLOAT64, "group.dtype: wanted float32 or float64");
  const int32_t num_states = sprat_optimizer_num_states(group.optimizer);
  SPRAT_REQUIRE(num_states >= 0, "group.optimizer: there is no optimizer %d", group.optimizer);
  SPRAT_REQUIRE(group.params.step >= 1, "params.step: counts from 1, got %lld",
                static_cast<long long>(group.params.step));
  for (int64_t t = 0; t < group.num_tensors; ++t) SPRAT_RETURN_IF_REFUSED(check_tensor(group.tensors[t], num_states));
  return SPRAT_OK;
}

void step_group(const sprat_optimizer_group& group, const OptimizerPass& pass) {
  const OptimizerStep step = kernels().optimizer->list[group.optimizer].step[group.dtype];
  int64_t total = 0;
  for (int64_t t = 0; t < group.num_tensors; ++t) total += group.tensors[t].length;
  // The tensors lie end to end on one line of `total` elements; each range finds its own.
  parallel_for(total, kGrain, [&](int64_t begin, int64_t end) {
    int64_t offset = 0;
    for (int64_t t = 0; t < group.num_tensors && offset < end; ++t) {
      const sprat_optimizer_tensor& tensor = group.tensors[t];
      const int64_t first = std::max(begin - offset, int64_t{0});
      const int64_t last = std::min(end - offset, tensor.length);
      if (first < last) step(group.params, pass, tensor, first, last);
      offset += tensor.length;
    }
  });
}

}  // namespace
}  // namespace sprat

using namespace sprat;

int32_t sprat_optimizer_count(void) noexcept { return kernels().optimizer->count; }

const char* sprat_optimizer_name(int32_t optimizer) noexcept {
  return optimizer >= 0 && optimizer < sprat_optimizer_count() ? kernels().optimizer->list[optimizer].name : nullptr;
}

int32_t sprat_optimizer_find(const char* name) noexcept {
  for (int32_t i = 0; name && i < sprat_optimizer_count(); ++i) {
    if (std::strcmp(sprat_optimizer_name(i), name) == 0) return i;
  }
  return -1;
}

int32_t sprat_optimizer_num_states(int32_t optimizer) noexcept {
  return sprat_optimizer_name(optimizer) ? kernels().optimizer->list[optimizer].num_states : -1;
}

sprat_status sprat_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                  const sprat_optimizer_options* options, double* grad_norm) noexcept {
  SPRAT_REQUIRE(groups || num_groups == 0, "groups must not be NULL");
  SPRAT_REQUIRE(options && options->size == sizeof *options, "options.size: wanted %zu", sizeof *options);
  for (int64_t g = 0; g < num_groups; ++g) SPRAT_RETURN_IF_REFUSED(check_group(groups[g]));
  (void)grad_norm;
  const OptimizerPass pass{1.0, options->clip_value, options->ema_decay};
  for (int64_t g = 0; g < num_groups; ++g) step_group(groups[g], pass);
  return SPRAT_OK;
}
