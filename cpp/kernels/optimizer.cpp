#include "kernels/optimizer.h"

#include "formulas/optim/list.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// The body serves whole vectors and, with n < kLanes, the tail: the tail is a shorter load, not a second formula.
template <class Formula, class V, bool kWhole>
SPRAT_INLINE void update(const Formula& formula, const OptimizerPass& pass, const sprat_optimizer_tensor& tensor,
                         int64_t i, int64_t n) {
  using T = Scalar<V>;
  constexpr int kStates = Formula::kNumStates;
  const auto load = [&](const void* array) {
    const T* at = static_cast<const T*>(array) + i;
    return kWhole ? V::load(at) : V::load_partial(at, n);
  };
  const auto store = [&](const V& value, void* array) {
    T* at = static_cast<T*>(array) + i;
    if constexpr (kWhole) value.store(at);
    else value.store_partial(at, n);
  };

  V grad = load(tensor.grad) * V(T(pass.grad_scale));
  if (pass.clip_value > 0) grad = min(max(grad, V(T(-pass.clip_value))), V(T(pass.clip_value)));
  V param = load(tensor.param);
  V states[kStates + 1];
  for (int s = 0; s < kStates; ++s) states[s] = load(tensor.states[s]);

  if constexpr (kStates == 0) formula(param, grad);
  if constexpr (kStates == 1) formula(param, grad, states[0]);
  if constexpr (kStates == 2) formula(param, grad, states[0], states[1]);
  if constexpr (kStates == 3) formula(param, grad, states[0], states[1], states[2]);

  if (tensor.mask) {
    const auto keep = kWhole ? load_mask_u8<V>(tensor.mask + i) : load_mask_u8_partial<V>(tensor.mask + i, n);
    param = select(keep, param, V(T(0)));
    for (int s = 0; s < kStates; ++s) states[s] = select(keep, states[s], V(T(0)));
  }
  store(param, tensor.param);
  for (int s = 0; s < kStates; ++s) store(states[s], tensor.states[s]);
  if (tensor.ema) {
    // ema + (1 - decay) * (param - ema): exact where the two agree, so a weight that rests leaves its average at rest.
    const V ema = load(tensor.ema);
    store(ema + V(T(1 - pass.ema_decay)) * (param - ema), tensor.ema);
  }
}

template <class Formula, class T>
void step(const sprat_optimizer_params& params, const OptimizerPass& pass, const sprat_optimizer_tensor& tensor,
          int64_t begin, int64_t end) {
  using V = Vec<T>;
  const Formula formula(params);
  int64_t i = begin;
  for (; i + kLanes<V> <= end; i += kLanes<V>) update<Formula, V, true>(formula, pass, tensor, i, kLanes<V>);
  if (i < end) update<Formula, V, false>(formula, pass, tensor, i, end - i);
}

template <template <class> class... Formulas>
struct Steps {
  static constexpr OptimizerKernel list[] = {{Formulas<float>::kName,
                                              Formulas<float>::kNumStates,
                                              {step<Formulas<float>, float>, step<Formulas<double>, double>}}...};
  static constexpr int32_t count = sizeof...(Formulas);
};

using All = OptimizerFormulas<Steps>;

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const OptimizerKernels optimizer_kernels;
const OptimizerKernels optimizer_kernels = {All::list, All::count};
}  // namespace sprat::SPRAT_ISA
