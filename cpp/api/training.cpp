// Training of the C ABI: whole mini-batches, one after another, with nothing between them but arithmetic.
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "api/batches.h"
#include "api/dispatch.h"
#include "api/line_sum.h"
#include "api/params.h"
#include "core/float_mode.h"
#include "core/parallel.h"

namespace sprat {
namespace {

using Clock = std::chrono::steady_clock;

// Elements whose look is worth handing to another thread.
constexpr int64_t kGrain = int64_t{1} << 16;

sprat_status check_training(const sprat_training* training) {
  SPRAT_REQUIRE(training->mlp, "training.mlp must not be NULL");
  SPRAT_REQUIRE(training->gradients && training->gradients->size == sizeof *training->gradients,
                "training.gradients.size: wanted %zu", sizeof *training->gradients);
  SPRAT_REQUIRE(!training->gradients->x && !training->gradients->hidden,
                "training.gradients: x and hidden must be NULL");
  SPRAT_REQUIRE(training->num_groups >= 0, "training.num_groups: wanted at least 0, got %lld",
                shown(training->num_groups));
  SPRAT_REQUIRE(training->groups || training->num_groups == 0, "training.groups must not be NULL");
  SPRAT_REQUIRE(training->optimizer, "training.optimizer must not be NULL");
  SPRAT_REQUIRE(training->safe_energy >= 0, "training.safe_energy: wanted at least 0, got %g", training->safe_energy);
  return SPRAT_OK;
}

// One run of sprat_train. Data and stretch are checked; the rest is by what each step calls.
class Stretch {
 public:
  Stretch(const sprat_training& training, const Batches& batches, const sprat_stretch& stretch, double* rates_before,
          sprat_stretch_result& result)
      : training_(training), batches_(batches), stretch_(stretch), rates_before_(rates_before), result_(result) {
    if (stretch.options) options_ = *stretch.options;
  }

  // Refused if the first batch is.
  sprat_status run() {
    const bool is_timed = stretch_.max_seconds > 0;
    const std::chrono::duration<double> limit(stretch_.max_seconds);
    const Clock::time_point begin = is_timed ? Clock::now() : Clock::time_point();
    while (result_.steps < stretch_.num_batches && result_.end == SPRAT_STRETCH_DONE) {
      const sprat_status status = step();
      if (status != SPRAT_OK) {
        if (result_.steps == 0) return status;
        result_.end = SPRAT_STRETCH_REFUSED;
      } else if (is_timed && result_.end == SPRAT_STRETCH_DONE && result_.steps < stretch_.num_batches &&
                 Clock::now() - begin >= limit) {
        result_.end = SPRAT_STRETCH_TIME;
      }
    }
    return SPRAT_OK;
  }

 private:
  // The whole step, or none of it: refused, or a reason to end.
  sprat_status step() {
    sprat_mlp_batch batch;
    double share = 0, loss = 0;
    SPRAT_RETURN_IF_REFUSED(batches_.get(stretch_.first_batch + result_.steps, batch, share));
    SPRAT_RETURN_IF_REFUSED(sprat_mlp_loss_and_gradients(training_.mlp, training_.params, &batch, training_.loss,
                                                         &options_, training_.workspace, training_.gradients, &loss));
    result_.refused_loss = loss;
    if (!is_safe(loss)) {
      result_.end = SPRAT_STRETCH_UNSAFE;
      return SPRAT_OK;
    }
    const sprat_status status = update();
    if (status == SPRAT_NOT_FINITE) result_.end = SPRAT_STRETCH_NOT_FINITE;
    else if (status != SPRAT_OK) return status;
    else count(loss, share);
    return SPRAT_OK;
  }

  bool is_safe(double loss) const {
    if (training_.safe_energy == 0) return true;
    return std::isfinite(loss) && (is_small() || energy() < training_.safe_energy);  // false for NaN
  }

  // No gradient is so large that the sum could reach the bound: one look at each, where the sum would convert each to
  // float64.
  bool is_small() const {
    const sprat_mlp& mlp = *training_.mlp;
    const double bound = 0.5 * std::sqrt(training_.safe_energy / static_cast<double>(mlp.num_params));
    std::atomic<bool> small{true};
    parallel_for(mlp.num_params, kGrain, [&](int64_t begin, int64_t end) {
      const char* gradients = advance(training_.gradients->params, begin, mlp.element_size());
      if (!kernels().reduce->all_below[mlp.dtype](gradients, end - begin, bound)) small = false;
    });
    return small;
  }

  // The sum of the gradients' squares.
  double energy() const {
    const sprat_mlp& mlp = *training_.mlp;
    const ReduceKernels& reduce = *kernels().reduce;
    return line_sum(mlp.num_params, [&] {
      return [&](int64_t begin, int64_t end, double* lanes) {
        const char* gradients = advance(training_.gradients->params, begin, mlp.element_size());
        reduce.sum_of_squares[mlp.dtype](gradients, nullptr, end - begin, begin, lanes);
      };
    });
  }

  // The groups keep their rates if no step is made.
  sprat_status update() {
    if (!stretch_.lr) return update_at_groups_rates();
    for (int64_t g = 0; g < training_.num_groups; ++g) {
      rates_before_[g] = std::exchange(training_.groups[g].params.lr, stretch_.lr[result_.steps]);
    }
    const sprat_status status = update_at_groups_rates();
    for (int64_t g = 0; status != SPRAT_OK && g < training_.num_groups; ++g) {
      training_.groups[g].params.lr = rates_before_[g];
    }
    return status;
  }

  sprat_status update_at_groups_rates() {
    double norm = std::numeric_limits<double>::quiet_NaN();
    const bool clips = training_.optimizer->clip_norm > 0;
    SPRAT_RETURN_IF_REFUSED(
        sprat_optimizer_step(training_.groups, training_.num_groups, training_.optimizer, clips ? &norm : nullptr));
    for (int64_t g = 0; g < training_.num_groups; ++g) {
      sprat_optimizer_group& group = training_.groups[g];
      SPRAT_RETURN_IF_REFUSED(sprat_optimizer_advance(group.optimizer, &group.params));
    }
    result_.grad_norm = norm;
    return SPRAT_OK;
  }

  void count(double loss, double share) {
    result_.loss = loss;
    result_.refused_loss = std::numeric_limits<double>::quiet_NaN();
    if (stretch_.losses) stretch_.losses[result_.steps] = loss;
    result_.loss_sum += loss * share;
    result_.loss_weight += share;
    ++result_.steps;
    ++options_.step;
  }

  const sprat_training& training_;
  const Batches& batches_;
  const sprat_stretch& stretch_;
  double* rates_before_;  // (num_groups,): what the update being made replaces
  sprat_stretch_result& result_;
  sprat_mlp_options options_{sizeof(sprat_mlp_options), 0, 0, 0, nullptr, 0};
};

sprat_status train(const sprat_training& training, const sprat_training_data& data, const sprat_stretch& stretch,
                   sprat_stretch_result& result) {
  const DefaultFloatMode mode;
  Scratch scratch;
  Batches batches(*training.mlp, data, stretch);
  auto* rates_before = scratch.array<double>(training.num_groups);
  if (!rates_before || !batches.prepare(scratch)) {
    return refuse(SPRAT_OUT_OF_MEMORY, "training: no memory for batches of %lld rows", shown(stretch.batch_size));
  }
  result.steps = 0;
  result.end = SPRAT_STRETCH_DONE;
  result.loss = result.refused_loss = result.grad_norm = std::numeric_limits<double>::quiet_NaN();
  return Stretch(training, batches, stretch, rates_before, result).run();
}

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_train(const sprat_training* training, const sprat_training_data* data, const sprat_stretch* stretch,
                         sprat_stretch_result* result) noexcept {
  const Params taken_training(training);
  const Params taken_data(data);
  const Params taken_stretch(stretch);
  SPRAT_REQUIRE(training && training->size == sizeof *training, "training.size: wanted %zu", sizeof *training);
  SPRAT_REQUIRE(stretch && stretch->size == sizeof *stretch, "stretch.size: wanted %zu", sizeof *stretch);
  sprat_training whole_training = *training;
  sprat_stretch whole_stretch = *stretch;
  const Params taken_gradients(whole_training.gradients);
  const Params taken_options(whole_stretch.options);
  Result taken_result(result);
  SPRAT_RETURN_IF_REFUSED(check_training(&whole_training));
  SPRAT_RETURN_IF_REFUSED(check_stretch(*training->mlp, data, &whole_stretch));
  SPRAT_REQUIRE(taken_result, "result.size: wanted %zu", sizeof *result);
  return train(whole_training, *data, whole_stretch, taken_result.whole);
}
