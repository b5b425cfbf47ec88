// What a loss asks of its arguments, on every device: first what can be told without a look at an element, then the
// lines about elements.
#pragma once

#include "api/checks.h"

namespace sprat {

struct LossArguments {
  const sprat_loss_params& params;
  const char* name;    // of the loss
  bool takes_classes;  // softmax over the columns: a row has one class
  bool unit_target;    // numbers lie in [0, 1]
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
};

sprat_status check_loss(const LossArguments& loss);

// Of the elements: names are those of the arrays.
inline sprat_status refuse_weight(const char* name, double weight, int64_t place) {
  return refuse(SPRAT_INVALID_ARGUMENT, "%s: wanted finite numbers of at least 0, got %g at %lld", name, weight,
                shown(place));
}
sprat_status refuse_class(const LossArguments& loss, int64_t id, int64_t row);
sprat_status refuse_target(const LossArguments& loss, double target, int64_t place);
// What the parts are divided by; the hard one is of interest only where it has a share.
sprat_status check_denominators(const LossArguments& loss, double hard, double soft);

}  // namespace sprat
