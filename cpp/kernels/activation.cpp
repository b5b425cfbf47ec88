#include "kernels/activation.h"

#include "formulas/activation/list.h"
#include "kernels/lanes.h"

SPRAT_ISA_BEGIN

template <class Formula, class T>
void activation_forward(const void* z, void* y, int64_t n) {
  using V = Vec<T>;
  const T* from = static_cast<const T*>(z);
  T* to = static_cast<T*>(y);
  for_each_vector<V>(n, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
    store_lanes(to + i, Formula{}(load_lanes<V>(from + i, left)), left);
  });
}

template <class Formula, class T>
void activation_backward(const void* z, const void* y, const void* grad_y, void* grad_z, int64_t n) {
  using V = Vec<T>;
  const auto load = [](const void* array, int64_t i, int64_t left) {
    return load_lanes<V>(static_cast<const T*>(array) + i, left);
  };
  for_each_vector<V>(n, [&](int64_t i, int64_t left) SPRAT_INLINE_LAMBDA {
    const V slope = Formula{}.derivative(Formula::kNeedsInput ? load(z, i, left) : V(0), load(y, i, left));
    store_lanes(static_cast<T*>(grad_z) + i, load(grad_y, i, left) * slope, left);
  });
}

template <class... Formulas>
struct Activations {
  static constexpr ActivationKernel list[] = {
      {Formulas::kName,
       Formulas::kNeedsInput,
       {activation_forward<Formulas, float>, activation_forward<Formulas, double>},
       {activation_backward<Formulas, float>, activation_backward<Formulas, double>}}...};
  static constexpr int32_t count = sizeof...(Formulas);
};

using All = ActivationFormulas<Activations>;

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const ActivationKernels activation_kernels;
const ActivationKernels activation_kernels = {All::list, All::count};
}  // namespace sprat::SPRAT_ISA
