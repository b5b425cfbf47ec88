#include "kernels/optimizer.h"

#include "formulas/optim/element.h"
#include "formulas/optim/list.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// Elements [i, i + n) of one tensor. The body serves whole registers and, with n < kLanes, the tail: the tail is a
// shorter load, not a second formula. Without kExtras there is neither mask nor moving average.
template <bool kWhole, bool kExtras, class V, class Formula>
SPRAT_INLINE void update(const Element<Formula, Scalar<V>>& element, const sprat_optimizer_tensor& tensor, int64_t i,
                         int64_t n) {
  using T = Scalar<V>;
  constexpr int kStates = Formula::kStates.count();
  const auto load = [&](const void* array) {
    const T* at = static_cast<const T*>(array) + i;
    return kWhole ? V::load(at) : V::load_partial(at, n);
  };
  const auto store = [&](const V& value, void* array) {
    T* at = static_cast<T*>(array) + i;
    if constexpr (kWhole) value.store(at);
    else value.store_partial(at, n);
  };

  V param = load(tensor.param);
  V states[kStates + 1];
  for (int s = 0; s < kStates; ++s) states[s] = load(tensor.states[s]);
  const bool has_ema = kExtras && tensor.ema, has_mask = kExtras && tensor.mask;
  V ema = has_ema ? load(tensor.ema) : V(0);

  element.update(param, load(tensor.grad), states);
  if (has_ema) ema = element.average(ema, param);

  if (has_mask) {
    const auto keep = kWhole ? load_mask_u8<V>(tensor.mask + i) : load_mask_u8_partial<V>(tensor.mask + i, n);
    param = select(keep, param, V(0));
    for (int s = 0; s < kStates; ++s) states[s] = select(keep, states[s], V(0));
    ema = select(keep, ema, V(0));
  }
  store(param, tensor.param);
  for (int s = 0; s < kStates; ++s) store(states[s], tensor.states[s]);
  if (has_ema) store(ema, tensor.ema);
}

// Two loops: to ask each register for a mask and an average takes a quarter of the time of gradient descent.
template <class T, class Formula>
SPRAT_INLINE void update_range(const Element<Formula, T>& element, const sprat_optimizer_tensor& shared, int64_t begin,
                               int64_t end) {
  using V = Vec<T>;
  const sprat_optimizer_tensor tensor = shared;  // a local copy: stores through its pointers cannot change it
  int64_t i = begin;
  if (tensor.mask || tensor.ema) {
    for (; i + kLanes<V> <= end; i += kLanes<V>) update<true, true, V>(element, tensor, i, kLanes<V>);
  } else {
    for (; i + kLanes<V> <= end; i += kLanes<V>) update<true, false, V>(element, tensor, i, kLanes<V>);
  }
  if (i < end) update<false, true, V>(element, tensor, i, end - i);
}

template <class Formula, class T>
void step(const sprat_optimizer_params& params, const OptimizerPass& pass, const sprat_optimizer_tensor* tensors,
          int64_t num_tensors, int64_t begin, int64_t end) {
  const Element<Formula, T> element(params, pass.grad_scale, pass.clip_value, pass.ema_decay);
  int64_t offset = 0;  // of tensor t on the line
  for (int64_t t = 0; t < num_tensors && offset < end; ++t) {
    const int64_t length = tensors[t].length;
    const int64_t first = begin > offset ? begin - offset : 0;
    const int64_t last = end - offset < length ? end - offset : length;
    if (first < last) update_range<T>(element, tensors[t], first, last);
    offset += length;
  }
}

template <class Formula>
void advance(sprat_optimizer_params& params) {
  if constexpr (requires { Formula::advance(params); }) Formula::advance(params);
  ++params.step;
}

template <template <class> class Formula>
constexpr OptimizerKernel kernel_of() {
  constexpr StateNames states = Formula<float>::kStates;
  return {Formula<float>::kName,
          {states.name[0], states.name[1], states.name[2]},
          states.count(),
          advance<Formula<double>>,
          {step<Formula<float>, float>, step<Formula<double>, double>}};
}

template <template <class> class... Formulas>
struct Kernels {
  static constexpr OptimizerKernel list[] = {kernel_of<Formulas>()...};
  static constexpr int32_t count = sizeof...(Formulas);
};

using All = OptimizerFormulas<Kernels>;

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const OptimizerKernels optimizer_kernels;
const OptimizerKernels optimizer_kernels = {All::list, All::count};
}  // namespace sprat::SPRAT_ISA
