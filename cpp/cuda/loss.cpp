// Losses and softmax: the C functions.
#include "cuda/loss.h"

#include "cuda/scratch.h"
#include "formulas/loss/list.h"

namespace sprat::cuda {
namespace {

template <template <class> class... Formulas>
struct Descriptions {
  static constexpr LossDescription list[] = {{CrossEntropy<float>::kName, true, false},
                                             {Formulas<float>::kName, false, Formulas<float>::kUnitTarget}...};
  static constexpr int32_t count = 1 + sizeof...(Formulas);
};
using All = ElementLosses<Descriptions>;

const LossKernels& kernels_of(sprat_dtype dtype) { return dtype == SPRAT_FLOAT64 ? loss_double : loss_float; }

// A number of an array on the device that has been refused.
double number_at(const void* array, sprat_dtype dtype, unsigned long long place, void* stream) {
  const auto i = static_cast<int64_t>(place);
  float single = 0;
  double number = 0;
  if (dtype == SPRAT_FLOAT64) fetch(&number, static_cast<const double*>(array) + i, stream);
  else if (fetch(&single, static_cast<const float*>(array) + i, stream) == SPRAT_OK) number = double(single);
  return number;
}

}  // namespace

const LossDescription* describe_loss(int32_t loss) {
  return loss >= 0 && loss < All::count ? All::list + loss : nullptr;
}

int64_t LossRun::bytes(int64_t rows, int64_t columns) {
  return static_cast<int64_t>(sizeof(LossState) + LossBlocks::kMost * sizeof(double)) +
         rows * columns * static_cast<int64_t>(sizeof(double));
}

sprat_status LossRun::begin() const { return kernels_of(loss.dtype).begin(loss, memory, stream); }
sprat_status LossRun::run() const { return kernels_of(loss.dtype).run(loss, memory, stream); }

sprat_status LossRun::wait_for_checks() const {
  LossState state;
  SPRAT_RETURN_IF_REFUSED(fetch(&state, static_cast<const LossState*>(memory), stream));
  constexpr unsigned long long kNone = ~0ull;
  if (state.bad_target != kNone && loss.target_kind == SPRAT_TARGET_CLASSES) {
    const auto row = static_cast<int64_t>(state.bad_target);
    int64_t id = 0;
    SPRAT_RETURN_IF_REFUSED(fetch(&id, static_cast<const int64_t*>(loss.target) + row, stream));
    return refuse_class(loss, id, row);
  }
  if (state.bad_target != kNone) {
    return refuse_target(loss, number_at(loss.target, loss.dtype, state.bad_target, stream),
                         static_cast<int64_t>(state.bad_target));
  }
  const struct {
    const char* name;
    const void* weights;
    unsigned long long place;
  } all[] = {{"sample_weight", loss.sample_weight, state.bad_sample_weight},
             {"class_weight", loss.params.class_weight, state.bad_class_weight},
             {"pos_weight", loss.params.pos_weight, state.bad_pos_weight}};
  for (const auto& bad : all) {
    if (bad.place == kNone) continue;
    const double weight = number_at(bad.weights, loss.dtype, bad.place, stream);
    return refuse_weight(bad.name, weight, static_cast<int64_t>(bad.place));
  }
  return check_denominators(loss, state.hard_by, state.soft_by);
}

sprat_status fetch_loss(const void* memory, double* value, void* stream) {
  return fetch(value, &static_cast<const LossState*>(memory)->value, stream);
}

namespace {

sprat_status softmax(bool log, sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns, void* stream) {
  SPRAT_REQUIRE(is_float(dtype), "dtype: wanted float32 or float64");
  SPRAT_REQUIRE(rows >= 0, "rows: wanted at least 0, got %lld", shown(rows));
  SPRAT_REQUIRE(columns > 0, "columns: wanted at least 1, got %lld", shown(columns));
  SPRAT_REQUIRE(size_fits(rows, columns), "x: too large");
  if (rows == 0) return SPRAT_OK;
  SPRAT_RETURN_IF_REFUSED(check_array("x", x, item_size(dtype)));
  SPRAT_RETURN_IF_REFUSED(check_array("y", y, item_size(dtype)));
  SPRAT_REQUIRE(x == y || !overlap(x, y, rows * columns * item_size(dtype)), "y overlaps a part of x");
  return kernels_of(dtype).softmax(log, x, y, rows, columns, stream);
}

}  // namespace
}  // namespace sprat::cuda

using namespace sprat;

sprat_status sprat_cuda_loss(const sprat_loss_params* params, sprat_dtype dtype, const void* output, const void* target,
                             sprat_target target_kind, const void* teacher, const void* sample_weight, int64_t rows,
                             int64_t columns, void* grad_output, double* value, void* stream) noexcept {
  SPRAT_REQUIRE(params && params->size == sizeof *params, "params.size: wanted %zu", sizeof *params);
  const cuda::LossDescription* found = cuda::describe_loss(params->loss);
  SPRAT_REQUIRE(found, "params.loss: there is no loss %d", params->loss);
  SPRAT_REQUIRE(value, "value must not be NULL");
  const LossArguments loss{*params,
                           found->name,
                           found->takes_classes,
                           found->unit_target,
                           dtype,
                           output,
                           target,
                           target_kind,
                           teacher,
                           sample_weight,
                           rows,
                           columns,
                           grad_output};
  SPRAT_RETURN_IF_REFUSED(check_loss(loss));
  cuda::Scratch scratch(stream);
  SPRAT_RETURN_IF_REFUSED(scratch.allocate(cuda::LossRun::bytes(rows, columns)));
  const cuda::LossRun run{loss, scratch.as<void>(), stream};
  SPRAT_RETURN_IF_REFUSED(run.begin());
  SPRAT_RETURN_IF_REFUSED(run.wait_for_checks());
  SPRAT_RETURN_IF_REFUSED(run.run());
  return cuda::fetch_loss(run.memory, value, stream);
}

sprat_status sprat_cuda_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns,
                                void* stream) noexcept {
  return cuda::softmax(false, dtype, x, y, rows, columns, stream);
}

sprat_status sprat_cuda_log_softmax(sprat_dtype dtype, const void* x, void* y, int64_t rows, int64_t columns,
                                    void* stream) noexcept {
  return cuda::softmax(true, dtype, x, y, rows, columns, stream);
}
