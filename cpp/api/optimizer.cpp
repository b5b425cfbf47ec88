// Optimizer steps: checks, clipping by the common norm, and the tensors of all groups spread over threads.
#include <cmath>
#include <limits>

#include "api/checks.h"
#include "api/dispatch.h"
#include "api/line_sum.h"
#include "api/optimizer_checks.h"
#include "api/optimizer_line.h"
#include "api/params.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many elements a second thread costs more than it brings, even if it is awake: see kernels/README.md.
constexpr int64_t kGrain = 16384;

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
  SPRAT_RETURN_IF_REFUSED(check_optimizer_params(*params));
  kernels().optimizer->list[optimizer].advance(*params);
  return SPRAT_OK;
}

sprat_status sprat_count_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t length,
                                   int64_t* count) noexcept {
  SPRAT_RETURN_IF_REFUSED(check_count_nonfinite(dtype, x, length, count));
  *count = kernels().reduce->count_nonfinite[dtype](x, mask, length);
  return SPRAT_OK;
}

sprat_status sprat_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                  const sprat_optimizer_options* options, double* grad_norm) noexcept {
  const Params taken(options);
  SPRAT_REQUIRE(num_groups >= 0, "num_groups: wanted at least 0, got %lld", shown(num_groups));
  SPRAT_REQUIRE(groups || num_groups == 0, "groups must not be NULL");
  SPRAT_REQUIRE(options, "options must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_optimizer_options(*options));
  int64_t length = 0;
  for (int64_t g = 0; g < num_groups; ++g) {
    SPRAT_RETURN_IF_REFUSED(check_optimizer_group(groups[g], sprat_optimizer_num_states(groups[g].optimizer)));
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
