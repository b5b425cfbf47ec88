// Optimizer steps: the tensors of a group in few launches, each block a chunk of one of them.
#include <limits>

#include "api/optimizer_checks.h"
#include "cuda/launch.h"
#include "cuda/pack.h"
#include "cuda/reduce.h"
#include "cuda/scratch.h"
#include "formulas/optim/element.h"
#include "formulas/optim/list.h"
#include "kernels/optimizer.h"

SPRAT_ISA_BEGIN

struct StepTensor {
  void* param;
  const void* grad;
  void* states[SPRAT_OPTIMIZER_MAX_STATES];
  const uint8_t* mask;
  void* ema;
  int64_t length;
  uint32_t first_block;
  bool packs;  // every array begins where packs may
};

// As many as fit the arguments of a kernel, which every device reads from its constant cache.
struct StepTensors {
  static constexpr int kMost = 48;
  int count = 0;
  uint32_t num_blocks = 0;
  StepTensor at[kMost];

  // Whose chunk a block has: the last tensor that begins at or before it.
  __device__ int of_block(uint32_t block) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      if (at[middle].first_block <= block) low = middle;
      else high = middle;
    }
    return low;
  }
};

template <class T>
__device__ T* array(void* base, int64_t i) {
  return static_cast<T*>(base) + i;
}
template <class T>
__device__ const T* array(const void* base, int64_t i) {
  return static_cast<const T*>(base) + i;
}

// One element with all that surrounds the formula, as kernels/optimizer.cpp does it.
template <class Formula, class T>
__device__ SPRAT_INLINE void update_element(const Element<Formula, T>& element, const StepTensor& tensor, T& param,
                                            T grad, T* states, T& ema, bool keep) {
  element.update(param, grad, states);
  if (tensor.ema) ema = element.average(ema, param);
  if (keep) return;
  param = T(0);
  for (int s = 0; s < Formula::kStates.count(); ++s) states[s] = T(0);
  ema = T(0);
}

template <class Formula, class T>
__device__ SPRAT_INLINE void update_one(const Element<Formula, T>& element, const StepTensor& tensor, int64_t i) {
  constexpr int kStates = Formula::kStates.count();
  T param = *array<T>(tensor.param, i), ema = T(0), states[kStates + 1];
  for (int s = 0; s < kStates; ++s) states[s] = *array<T>(tensor.states[s], i);
  if (tensor.ema) ema = *array<T>(tensor.ema, i);
  update_element(element, tensor, param, *array<T>(tensor.grad, i), states, ema, !tensor.mask || tensor.mask[i]);
  *array<T>(tensor.param, i) = param;
  for (int s = 0; s < kStates; ++s) *array<T>(tensor.states[s], i) = states[s];
  if (tensor.ema) *array<T>(tensor.ema, i) = ema;
}

template <class Formula, class T>
__device__ SPRAT_INLINE void update_pack(const Element<Formula, T>& element, const StepTensor& tensor, int64_t i) {
  using P = Pack<T>;
  constexpr int kStates = Formula::kStates.count();
  P param = load_pack<P>(array<T>(tensor.param, i)), ema{}, states[kStates + 1];
  const P grad = load_pack<P>(array<T>(tensor.grad, i));
  for (int s = 0; s < kStates; ++s) states[s] = load_pack<P>(array<T>(tensor.states[s], i));
  if (tensor.ema) ema = load_pack<P>(array<T>(tensor.ema, i));
  PackOfBytes<T> mask{};
  if (tensor.mask) mask = load_pack<PackOfBytes<T>>(tensor.mask + i);
  for (int k = 0; k < P::kCount; ++k) {
    T own[kStates + 1];
    for (int s = 0; s < kStates; ++s) own[s] = states[s].at[k];
    update_element(element, tensor, param.at[k], grad.at[k], own, ema.at[k], !tensor.mask || mask.at[k]);
    for (int s = 0; s < kStates; ++s) states[s].at[k] = own[s];
  }
  store_pack(array<T>(tensor.param, i), param);
  for (int s = 0; s < kStates; ++s) store_pack(array<T>(tensor.states[s], i), states[s]);
  if (tensor.ema) store_pack(array<T>(tensor.ema, i), ema);
}

// norm, if not NULL, is where the step finds what to multiply its gradients with.
template <class Formula, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    update(Element<Formula, T> element, StepTensors tensors, const cuda::NormResult* norm) {
  const StepTensor& tensor = tensors.at[tensors.of_block(blockIdx.x)];
  if (norm) element.grad_scale = element.grad_scale * T(norm->scale);  // it was 1 or -1: exact
  const int64_t begin = int64_t{blockIdx.x - tensor.first_block} * kChunk<T>;
  for_chunk<T>(
      begin, tensor.length, tensor.packs, [&](int64_t i) { update_pack(element, tensor, i); },
      [&](int64_t i) { update_one(element, tensor, i); });
}

template <class Formula, class T>
bool all_allow_packs(const sprat_optimizer_tensor& tensor) {
  bool all = allow_packs<T>(tensor.param) && allow_packs<T>(tensor.grad) && allow_packs<T>(tensor.ema) &&
             allow_byte_packs<T>(tensor.mask);
  for (int s = 0; s < Formula::kStates.count(); ++s) all = all && allow_packs<T>(tensor.states[s]);
  return all;
}

template <class Formula, class T>
sprat_status step(const sprat_optimizer_group& group, const OptimizerPass& pass, const cuda::NormResult* norm,
                  void* stream) {
  const Element<Formula, T> element(group.params, 1, pass.clip_value, pass.ema_decay);
  constexpr int64_t kMostBlocksOfGrid = std::numeric_limits<int32_t>::max();
  StepTensors list;
  const auto flush = [&] {
    const sprat_status status =
        cuda::launch(update<Formula, T>, list.num_blocks, cuda::kThreads, stream, element, list, norm);
    list.count = 0;
    list.num_blocks = 0;
    return status;
  };
  for (int64_t t = 0; t < group.num_tensors; ++t) {
    const sprat_optimizer_tensor& tensor = group.tensors[t];
    if (tensor.length == 0) continue;
    const int64_t blocks = cuda::blocks_for(tensor.length, kChunk<T>);
    if (list.count == StepTensors::kMost || list.num_blocks + blocks > kMostBlocksOfGrid) {
      SPRAT_RETURN_IF_REFUSED(flush());
    }
    StepTensor& entry = list.at[list.count++];
    entry = {tensor.param,
             tensor.grad,
             {},
             tensor.mask,
             tensor.ema,
             tensor.length,
             list.num_blocks,
             all_allow_packs<Formula, T>(tensor)};
    for (int s = 0; s < Formula::kStates.count(); ++s) entry.states[s] = tensor.states[s];
    list.num_blocks += static_cast<uint32_t>(blocks);
  }
  return flush();
}

template <class Formula>
void advance_params(sprat_optimizer_params& params) {
  if constexpr (requires { Formula::advance(params); }) Formula::advance(params);
  ++params.step;
}

using Step = sprat_status (*)(const sprat_optimizer_group&, const OptimizerPass&, const cuda::NormResult*, void*);
struct StepRow {
  const char* name;
  int num_states;
  void (*advance)(sprat_optimizer_params&);
  Step step[2];  // by sprat_dtype: float32, float64
};
template <template <class> class... Formulas>
struct Steps {
  static constexpr StepRow list[] = {{Formulas<float>::kName,
                                      Formulas<float>::kStates.count(),
                                      advance_params<Formulas<double>>,
                                      {step<Formulas<float>, float>, step<Formulas<double>, double>}}...};
  static constexpr int32_t count = sizeof...(Formulas);
};
using All = OptimizerFormulas<Steps>;

int32_t num_states(int32_t optimizer) {
  return optimizer >= 0 && optimizer < All::count ? All::list[optimizer].num_states : -1;
}

sprat_status require_finite(const sprat_optimizer_group* groups, int64_t num_groups, void* stream) {
  cuda::Scratch scratch(stream);
  SPRAT_RETURN_IF_REFUSED(scratch.allocate(sizeof(unsigned long long)));
  auto* const count = scratch.as<unsigned long long>();
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(count, 0, sizeof *count, stream));
  for (int64_t g = 0; g < num_groups; ++g) {
    for (int64_t t = 0; t < groups[g].num_tensors; ++t) {
      const sprat_optimizer_tensor& tensor = groups[g].tensors[t];
      SPRAT_RETURN_IF_REFUSED(
          cuda::add_nonfinite(groups[g].dtype, tensor.grad, tensor.mask, tensor.length, count, stream));
    }
  }
  unsigned long long found = 0;
  SPRAT_RETURN_IF_REFUSED(cuda::fetch(&found, count, stream));
  if (found > 0) return refuse(SPRAT_NOT_FINITE, "grads: %llu elements are NaN or infinite", found);
  return SPRAT_OK;
}

SPRAT_ISA_END

int32_t sprat_cuda_optimizer_find(const char* name) noexcept { return sprat::find_in(sprat::All{}, name); }

sprat_status sprat_cuda_optimizer_advance(int32_t optimizer, sprat_optimizer_params* params) noexcept {
  using namespace sprat;
  SPRAT_REQUIRE(num_states(optimizer) >= 0, "optimizer: there is no optimizer %d", optimizer);
  SPRAT_REQUIRE(params, "params must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_optimizer_params(*params));
  All::list[optimizer].advance(*params);
  return SPRAT_OK;
}

sprat_status sprat_cuda_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                       const sprat_optimizer_options* options, double* grad_norm,
                                       void* stream) noexcept {
  using namespace sprat;  // not for the file: nvcc puts functions of the C library behind it
  SPRAT_REQUIRE(num_groups >= 0, "num_groups: wanted at least 0, got %lld", shown(num_groups));
  SPRAT_REQUIRE(groups || num_groups == 0, "groups must not be NULL");
  SPRAT_REQUIRE(options, "options must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_optimizer_options(*options));
  for (int64_t g = 0; g < num_groups; ++g) {
    SPRAT_RETURN_IF_REFUSED(check_optimizer_group(groups[g], num_states(groups[g].optimizer)));
  }
  const double infinity = std::numeric_limits<double>::infinity();
  const OptimizerPass pass{1.0, options->clip_value > 0 ? options->clip_value : infinity, options->ema_decay};

  cuda::Scratch scratch(stream);
  cuda::NormResult* norm = nullptr;
  if (options->clip_norm > 0 || options->require_finite || grad_norm) {
    SPRAT_RETURN_IF_REFUSED(
        scratch.allocate(cuda::kNormLanes * int64_t{sizeof(double)} + int64_t{sizeof(cuda::NormResult)}));
    double* const lanes = scratch.as<double>();
    norm = reinterpret_cast<cuda::NormResult*>(lanes + cuda::kNormLanes);
    SPRAT_RETURN_IF_REFUSED(cuda::gradient_norm(groups, num_groups, options->clip_norm, lanes, norm, stream));
  }
  if (options->require_finite || grad_norm) {
    cuda::NormResult found;
    SPRAT_RETURN_IF_REFUSED(cuda::fetch(&found, norm, stream));
    // A finite sum has finite terms; one that is not may still be an overflow of huge float64 gradients.
    if (options->require_finite && found.squares - found.squares != 0) {
      SPRAT_RETURN_IF_REFUSED(require_finite(groups, num_groups, stream));
    }
    if (grad_norm) *grad_norm = found.norm;
  }
  if (options->clip_norm == 0) norm = nullptr;
  for (int64_t g = 0; g < num_groups; ++g) {
    SPRAT_RETURN_IF_REFUSED(All::list[groups[g].optimizer].step[groups[g].dtype](groups[g], pass, norm, stream));
  }
  return SPRAT_OK;
}
