// Losses: checks, what the mean divides by, and blocks of rows spread over threads.
#include <algorithm>
#include <cmath>

#include "api/dispatch.h"
#include "api/loss_checks.h"
#include "api/params.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// The rows are cut into at most kMaxBlocks blocks by their shape alone. Each block sums its rows in order, and the
// block sums are added in order: the number of threads changes nothing, and no memory is needed.
constexpr int64_t kMaxBlocks = 64;
constexpr int64_t kBlockElements = 1024;
// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrainElements = 4096;

struct Call : LossArguments {
  const LossKernel& kernel;

  double weight(int64_t row) const { return sample_weight ? number(sample_weight, row) : 1; }
  double number(const void* array, int64_t i) const {
    return dtype == SPRAT_FLOAT64 ? static_cast<const double*>(array)[i] : double(static_cast<const float*>(array)[i]);
  }
};

sprat_status check_weights(const Call& call, const char* name, const void* weights, int64_t n) {
  for (int64_t i = 0; weights && i < n; ++i) {
    const double w = call.number(weights, i);
    if (!(w >= 0 && std::isfinite(w))) return refuse_weight(name, w, i);
  }
  return SPRAT_OK;
}

sprat_status check_target(const Call& call) {
  if (call.target_kind == SPRAT_TARGET_CLASSES) {
    const int64_t* target = static_cast<const int64_t*>(call.target);
    for (int64_t row = 0; row < call.rows; ++row) {
      if (!(target[row] >= 0 && target[row] < call.columns)) return refuse_class(call, target[row], row);
    }
    return SPRAT_OK;
  }
  for (int64_t i = 0; call.unit_target && i < call.rows * call.columns; ++i) {
    const double t = call.number(call.target, i);
    if (!(t >= 0 && t <= 1)) return refuse_target(call, t, i);
  }
  return SPRAT_OK;
}

sprat_status check_elements(const Call& call) {
  if (call.hard_share() > 0) SPRAT_RETURN_IF_REFUSED(check_target(call));
  SPRAT_RETURN_IF_REFUSED(check_weights(call, "sample_weight", call.sample_weight, call.rows));
  SPRAT_RETURN_IF_REFUSED(check_weights(call, "class_weight", call.params.class_weight, call.columns));
  return check_weights(call, "pos_weight", call.params.pos_weight, call.columns);
}

// What the mean divides by: sums over the rows, in order.
struct Denominators {
  double hard = 0, soft = 0;
};

Denominators denominators(const Call& call) {
  Denominators sums;
  const bool by_class = call.target_kind == SPRAT_TARGET_CLASSES && call.params.class_weight && call.hard_share() > 0;
  if (!call.sample_weight && !by_class) sums.soft = static_cast<double>(call.rows);
  for (int64_t row = 0; (call.sample_weight || by_class) && row < call.rows; ++row) {
    const double u = call.weight(row);
    sums.soft += u;
    if (by_class) {
      sums.hard += u * call.number(call.params.class_weight, static_cast<const int64_t*>(call.target)[row]);
    }
  }
  if (!by_class) sums.hard = sums.soft;
  if (!call.kernel.takes_classes) {
    sums.hard *= double(call.columns);
    sums.soft *= double(call.columns);
  }
  return sums;
}

// The weighted sum of one part of the loss over all rows; its gradient, times scale, is set or added.
double run(const Call& call, LossRows rows_of, const void* target, double scale, bool accumulate) {
  const LossBatch batch{call.output, target, call.sample_weight, call.grad_output, call.columns, scale, accumulate};
  const int64_t wanted = std::max<int64_t>(1, kBlockElements / call.columns);
  const int64_t block_rows = std::max(wanted, (call.rows + kMaxBlocks - 1) / kMaxBlocks);
  const int64_t blocks = (call.rows + block_rows - 1) / block_rows;
  const int64_t grain = std::max<int64_t>(1, kGrainElements / (block_rows * call.columns));
  double sums[kMaxBlocks];
  parallel_for(blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      sums[b] = rows_of(call.params, batch, b * block_rows, std::min((b + 1) * block_rows, call.rows));
    }
  });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += sums[b];
  return total;
}

sprat_status softmax(SoftmaxRows rows_of, sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns) {
  SPRAT_REQUIRE(rows >= 0, "rows: wanted at least 0, got %lld", shown(rows));
  SPRAT_REQUIRE(columns > 0, "columns: wanted at least 1, got %lld", shown(columns));
  SPRAT_REQUIRE(size_fits(rows, columns), "x: too large");
  if (rows == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("x", x, item_size(dtype)));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item_size(dtype)));
  SPRAT_REQUIRE(x == y || !overlap(x, y, rows * columns * item_size(dtype)), "y overlaps a part of x");
  parallel_for(rows, std::max<int64_t>(1, kGrainElements / columns),
               [&](int64_t begin, int64_t end) { rows_of(x, y, columns, begin, end); });
  return SPRAT_OK;
}

}  // namespace
}  // namespace sprat

using namespace sprat;

int32_t sprat_loss_count(void) noexcept { return kernels().loss->count; }

const char* sprat_loss_name(int32_t loss) noexcept { return name_in(*kernels().loss, loss); }

int32_t sprat_loss_find(const char* name) noexcept { return find_in(*kernels().loss, name); }

sprat_status sprat_loss(const sprat_loss_params* params, sprat_dtype dtype, const void* output, const void* target,
                        sprat_target target_kind, const void* teacher, const void* sample_weight, int64_t rows,
                        int64_t columns, void* grad_output, double* value) noexcept {
  const Params taken(params);
  SPRAT_REQUIRE(params && params->size == sizeof *params, "params.size: wanted %zu", sizeof *params);
  SPRAT_REQUIRE(sprat_loss_name(params->loss), "params.loss: there is no loss %d", params->loss);
  SPRAT_REQUIRE(value, "value must not be NULL");
  const LossKernel& kernel = kernels().loss->list[params->loss];
  const Call call{{*params, kernel.name, kernel.takes_classes, kernel.unit_target, dtype, output, target, target_kind,
                   teacher, sample_weight, rows, columns, grad_output},
                  kernel};
  SPRAT_RETURN_IF_REFUSED(check_loss(call));
  SPRAT_RETURN_IF_REFUSED(check_elements(call));
  const Denominators by = denominators(call);
  const double hard_share = call.hard_share(), soft_share = call.soft_share();
  SPRAT_RETURN_IF_REFUSED(check_denominators(call, by.hard, by.soft));

  double result = 0;
  if (hard_share > 0) {
    const LossRows* against = target_kind == SPRAT_TARGET_CLASSES ? kernel.against_classes : kernel.against_numbers;
    result += hard_share * (run(call, against[dtype], target, hard_share / by.hard, false) / by.hard);
  }
  if (soft_share > 0) {
    const LossRows against = kernel.against_teacher[dtype];
    result += soft_share * (run(call, against, teacher, soft_share / by.soft, hard_share > 0) / by.soft);
  }
  *value = result;
  return SPRAT_OK;
}

sprat_status sprat_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  return softmax(kernels().loss->softmax[dtype], dtype, x, y, rows, columns);
}

sprat_status sprat_log_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns) noexcept {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  return softmax(kernels().loss->log_softmax[dtype], dtype, x, y, rows, columns);
}
