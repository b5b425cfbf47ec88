#include "api/loss_checks.h"

#include <cmath>
#include <cstring>

namespace sprat {
namespace {

sprat_status check_params(const LossArguments& loss) {
  const sprat_loss_params& p = loss.params;
  SPRAT_REQUIRE(p.label_smoothing >= 0 && p.label_smoothing < 1, "label_smoothing: wanted a number in [0, 1), got %g",
                p.label_smoothing);
  const bool reads_delta = std::strcmp(loss.name, "huber") == 0;
  SPRAT_REQUIRE(!reads_delta || (p.delta > 0 && !std::isinf(p.delta)), "delta: wanted a finite number above 0, got %g",
                p.delta);
  if (!loss.teacher) return SPRAT_OK;
  SPRAT_REQUIRE(p.temperature > 0 && !std::isinf(p.temperature), "temperature: wanted a finite number above 0, got %g",
                p.temperature);
  SPRAT_REQUIRE(p.alpha >= 0 && p.alpha <= 1, "alpha: wanted a number in [0, 1], got %g", p.alpha);
  return SPRAT_OK;
}

sprat_status check_weights(const LossArguments& loss, const char* name, const void* weights) {
  return weights ? check_array(name, weights, item_size(loss.dtype)) : SPRAT_OK;
}

sprat_status check_shape(const LossArguments& loss) {
  SPRAT_REQUIRE(is_float(loss.dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(loss.rows > 0, "output: wanted at least one row, got %lld", shown(loss.rows));
  SPRAT_REQUIRE(loss.columns > 0, "output: wanted at least one column, got %lld", shown(loss.columns));
  SPRAT_REQUIRE(size_fits(loss.rows, loss.columns), "output: too large");
  SPRAT_REQUIRE(!loss.takes_classes || loss.columns > 1,
                "output: %s wants a column for each of at least 2 classes, got 1; one column is for bce_with_logits",
                loss.name);
  SPRAT_REQUIRE(loss.target_kind == SPRAT_TARGET_NUMBERS || loss.target_kind == SPRAT_TARGET_CLASSES,
                "target_kind: wanted numbers or classes, got %d", static_cast<int>(loss.target_kind));
  return SPRAT_OK;
}

}  // namespace

sprat_status check_loss(const LossArguments& loss) {
  SPRAT_RETURN_IF_REFUSED(check_shape(loss));
  SPRAT_RETURN_IF_REFUSED(check_params(loss));
  const int64_t item = item_size(loss.dtype), bytes = loss.rows * loss.columns * item;
  SPRAT_RETURN_IF_REFUSED(check_array("output", loss.output, item));
  if (loss.hard_share() > 0) {
    const bool classes = loss.target_kind == SPRAT_TARGET_CLASSES;
    SPRAT_REQUIRE(!classes || loss.takes_classes, "target: %s wants numbers, one for each column, got class ids",
                  loss.name);
    SPRAT_RETURN_IF_REFUSED(check_array("target", loss.target, classes ? sizeof(int64_t) : item));
  }
  if (loss.teacher) SPRAT_RETURN_IF_REFUSED(check_array("teacher", loss.teacher, item));
  SPRAT_RETURN_IF_REFUSED(check_weights(loss, "sample_weight", loss.sample_weight));
  SPRAT_RETURN_IF_REFUSED(check_weights(loss, "class_weight", loss.params.class_weight));
  SPRAT_RETURN_IF_REFUSED(check_weights(loss, "pos_weight", loss.params.pos_weight));
  if (!loss.grad_output) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("grad_output", loss.grad_output, item));
  SPRAT_REQUIRE((loss.grad_output == loss.output && !loss.teacher) || !overlap(loss.grad_output, loss.output, bytes),
                "grad_output overlaps output");
  SPRAT_REQUIRE(!overlap(loss.grad_output, loss.teacher, bytes), "grad_output overlaps teacher");
  return SPRAT_OK;
}

sprat_status refuse_class(const LossArguments& loss, int64_t id, int64_t row) {
  return refuse(SPRAT_INVALID_ARGUMENT, "target: wanted class ids in [0, %lld), got %lld in row %lld",
                shown(loss.columns), shown(id), shown(row));
}

sprat_status refuse_target(const LossArguments& loss, double target, int64_t place) {
  return refuse(SPRAT_INVALID_ARGUMENT, "target: %s wants numbers in [0, 1], got %g in row %lld", loss.name, target,
                shown(place / loss.columns));
}

sprat_status check_denominators(const LossArguments& loss, double hard, double soft) {
  SPRAT_REQUIRE(soft > 0, "sample_weight: the weights of these rows sum to 0");
  SPRAT_REQUIRE(loss.hard_share() == 0 || hard > 0, "class_weight: the weights of these rows sum to 0");
  return SPRAT_OK;
}

}  // namespace sprat
