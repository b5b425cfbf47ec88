// The losses of a batch on the device: the value in float64 in the order of api/loss.cpp, and the gradient.
//
// A call is some short kernels: look at what must be looked at (class ids, weights), what to divide by, rows, sums.
// Whether anything was refused, and the value, stay on the device; who wants them fetches them. What is refused without
// anybody asking becomes NaN.
#pragma once

#include <cstdint>

#include "api/loss_checks.h"

namespace sprat::cuda {

// On the device. Places are those of the first number that is refused, all ones where there is none.
struct LossState {
  unsigned long long bad_target, bad_sample_weight, bad_class_weight, bad_pos_weight;
  double hard_by, soft_by;  // what the parts are divided by
  double refused;           // 0; NaN if something was refused
  double value;
};

// Rows are summed in blocks, block sums in order (api/loss.cpp).
struct LossBlocks {
  static constexpr int64_t kMost = 64, kElements = 1024;
  int64_t rows, columns, block_rows, count;

  LossBlocks(int64_t rows_, int64_t columns_) : rows(rows_), columns(columns_) {
    const int64_t wanted = kElements / columns > 1 ? kElements / columns : 1, least = (rows + kMost - 1) / kMost;
    block_rows = wanted > least ? wanted : least;
    count = (rows + block_rows - 1) / block_rows;
  }
};

// Losses by their place in the list; NULL where there is none.
struct LossDescription {
  const char* name;
  bool takes_classes, unit_target;
};
const LossDescription* describe_loss(int32_t loss);

struct LossRun {
  const LossArguments& loss;
  void* memory;  // bytes(rows, columns) on the device; a LossState first
  void* stream;

  static int64_t bytes(int64_t rows, int64_t columns);

  // Fills the state but for the value.
  sprat_status begin() const;
  // Waits, and refuses what begin() has found.
  sprat_status wait_for_checks() const;
  // The gradient, and the value of the state.
  sprat_status run() const;
};

// Waits for the value that a run has left in its memory.
sprat_status fetch_loss(const void* memory, double* value, void* stream);

// Those of one element type.
struct LossKernels {
  sprat_status (*begin)(const LossArguments& loss, void* memory, void* stream);
  sprat_status (*run)(const LossArguments& loss, void* memory, void* stream);
  sprat_status (*softmax)(bool log, const void* x, void* y, int64_t rows, int64_t columns, void* stream);
};
extern const LossKernels loss_float, loss_double;

}  // namespace sprat::cuda
