// Losses: checks, what the mean divides by, and blocks of rows spread over threads.
#include <algorithm>
#include <cmath>

#include "api/checks.h"
#include "api/dispatch.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// The rows are cut into at most kMaxBlocks blocks by their shape alone. Each block sums its rows in order, and the
// block sums are added in order: the number of threads changes nothing, and no memory is needed.
constexpr int64_t kMaxBlocks = 64;
constexpr int64_t kBlockElements = 1024;
// Below this many elements a second thread costs more than it brings.
constexpr int64_t kGrainElements = 4096;

struct Call {
  const sprat_loss_params& params;
  const LossKernel& kernel;
  sprat_dtype dtype;
  const void* output;
  const void* target;
  sprat_target target_kind;
  const void* teacher;
  const void* sample_weight;
  int64_t rows, columns;
  void* grad_output;

  double hard_share() const { return teacher ? 1 - params.alpha : 1; }
  double soft_share() const { return teacher ? params.alpha : 0; }
  double weight(int64_t row) const { return sample_weight ? number(sample_weight, row) : 1; }
  double number(const void* array, int64_t i) const {
    return dtype == SPRAT_FLOAT64 ? static_cast<const double*>(array)[i] : double(static_cast<const float*>(array)[i]);
  }
};

sprat_status check_weights(const Call& call, const char* name, const void* weights, int64_t n) {
  if (!weights) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array(name, weights, item_size(call.dtype)));
  for (int64_t i = 0; i < n; ++i) {
    const double w = call.number(weights, i);
    SPRAT_REQUIRE(w >= 0 && std::isfinite(w), "%s: wanted finite numbers of at least 0, got %g at %lld", name, w,
                  shown(i));
  }
  return SPRAT_OK;
}

sprat_status check_params(const Call& call) {
  const sprat_loss_params& p = call.params;
  SPRAT_REQUIRE(p.label_smoothing >= 0 && p.label_smoothing < 1, "label_smoothing: wanted a number in [0, 1), got %g",
                p.label_smoothing);
  SPRAT_REQUIRE(p.delta > 0 && !std::isinf(p.delta), "delta: wanted a finite number above 0, got %g", p.delta);
  if (!call.teacher) return SPRAT_OK;
  SPRAT_REQUIRE(p.temperature > 0 && !std::isinf(p.temperature), "temperature: wanted a finite number above 0, got %g",
                p.temperature);
  SPRAT_REQUIRE(p.alpha >= 0 && p.alpha <= 1, "alpha: wanted a number in [0, 1], got %g", p.alpha);
  return SPRAT_OK;
}

sprat_status check_target(const Call& call) {
  if (call.target_kind == SPRAT_TARGET_CLASSES) {
    SPRAT_REQUIRE(call.kernel.takes_classes, "target: %s wants numbers, one for each column, got class ids",
                  call.kernel.name);
    SPRAT_RETURN_IF_REFUSED(check_array("target", call.target, sizeof(int64_t)));
    const int64_t* target = static_cast<const int64_t*>(call.target);
    for (int64_t row = 0; row < call.rows; ++row) {
      SPRAT_REQUIRE(target[row] >= 0 && target[row] < call.columns,
                    "target: wanted class ids in [0, %lld), got %lld in row %lld", shown(call.columns),
                    shown(target[row]), shown(row));
    }
    return SPRAT_OK;
  }
  SPRAT_RETURN_IF_REFUSED(check_array("target", call.target, item_size(call.dtype)));
  if (!call.kernel.unit_target) return SPRAT_OK;
  for (int64_t i = 0; i < call.rows * call.columns; ++i) {
    const double t = call.number(call.target, i);
    SPRAT_REQUIRE(t >= 0 && t <= 1, "target: %s wants numbers in [0, 1], got %g in row %lld", call.kernel.name, t,
                  shown(i / call.columns));
  }
  return SPRAT_OK;
}

sprat_status check_call(const Call& call) {
  SPRAT_REQUIRE(is_float(call.dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(call.rows > 0, "output: wanted at least one row, got %lld", shown(call.rows));
  SPRAT_REQUIRE(call.columns > 0, "output: wanted at least one column, got %lld", shown(call.columns));
  SPRAT_REQUIRE(size_fits(call.rows, call.columns), "output: too large");
  SPRAT_REQUIRE(!call.kernel.takes_classes || call.columns > 1,
                "output: %s wants a column for each of at least 2 classes, got 1; one column is for bce_with_logits",
                call.kernel.name);
  SPRAT_REQUIRE(call.target_kind == SPRAT_TARGET_NUMBERS || call.target_kind == SPRAT_TARGET_CLASSES,
                "target_kind: wanted numbers or classes, got %d", static_cast<int>(call.target_kind));
  SPRAT_RETURN_IF_REFUSED(check_params(call));
  const int64_t item = item_size(call.dtype), bytes = call.rows * call.columns * item;
  SPRAT_RETURN_IF_REFUSED(check_array("output", call.output, item));
  if (call.hard_share() > 0) SPRAT_RETURN_IF_REFUSED(check_target(call));
  if (call.teacher) SPRAT_RETURN_IF_REFUSED(check_array("teacher", call.teacher, item));
  SPRAT_RETURN_IF_REFUSED(check_weights(call, "sample_weight", call.sample_weight, call.rows));
  SPRAT_RETURN_IF_REFUSED(check_weights(call, "class_weight", call.params.class_weight, call.columns));
  SPRAT_RETURN_IF_REFUSED(check_weights(call, "pos_weight", call.params.pos_weight, call.columns));
  if (!call.grad_output) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("grad_output", call.grad_output, item));
  SPRAT_REQUIRE((call.grad_output == call.output && !call.teacher) || !overlap(call.grad_output, call.output, bytes),
                "grad_output overlaps output");
  SPRAT_REQUIRE(!overlap(call.grad_output, call.teacher, bytes), "grad_output overlaps teacher");
  return SPRAT_OK;
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
  SPRAT_REQUIRE(params && params->size == sizeof *params, "params.size: wanted %zu", sizeof *params);
  SPRAT_REQUIRE(sprat_loss_name(params->loss), "params.loss: there is no loss %d", params->loss);
  SPRAT_REQUIRE(value, "value must not be NULL");
  const LossKernel& kernel = kernels().loss->list[params->loss];
  const Call call{*params, kernel,        dtype, output,  target,     target_kind,
                  teacher, sample_weight, rows,  columns, grad_output};
  SPRAT_RETURN_IF_REFUSED(check_call(call));
  const Denominators by = denominators(call);
  const double hard_share = call.hard_share(), soft_share = call.soft_share();
  SPRAT_REQUIRE(by.soft > 0, "sample_weight: the weights of these rows sum to 0");
  SPRAT_REQUIRE(hard_share == 0 || by.hard > 0, "class_weight: the weights of these rows sum to 0");

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
