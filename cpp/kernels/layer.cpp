#include "kernels/layer.h"

#include "formulas/quantize/affine.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class V>
SPRAT_INLINE Affine<V> affine_of(const sprat_fake_quant& quant) {
  using T = Scalar<V>;
  return {V(T(quant.scale)), V(T(quant.zero_point)), V(T(quant.quant_min)), V(T(quant.quant_max))};
}

template <class T>
void fake_quantize(const sprat_fake_quant& quant, const void* x, void* y, int64_t n) {
  using V = Vec<T>;
  const Affine<V> affine = affine_of<V>(quant);
  for (int64_t i = 0; i < n; i += kLanes<V>) {
    const V value = V::load_partial(static_cast<const T*>(x) + i, n - i);
    affine.dequantize(affine.quantize(value)).store_partial(static_cast<T*>(y) + i, n - i);
  }
}

template <class T>
void fake_quantize_gradient(const sprat_fake_quant& quant, const void* x, void* grad, int64_t n) {
  using V = Vec<T>;
  const Affine<V> affine = affine_of<V>(quant);
  for (int64_t i = 0; i < n; i += kLanes<V>) {
    const V value = V::load_partial(static_cast<const T*>(x) + i, n - i);
    T* at = static_cast<T*>(grad) + i;
    select(affine.passes_gradient(value), V::load_partial(at, n - i), V(T(0))).store_partial(at, n - i);
  }
}

template <class T>
void add(const void* x, void* y, int64_t n) {
  const T* term = static_cast<const T*>(x);
  T* sum = static_cast<T*>(y);
  for (int64_t i = 0; i < n; ++i) sum[i] = sum[i] + term[i];
}

template <class T>
constexpr LayerKernel layer_kernel = {fake_quantize<T>, fake_quantize_gradient<T>, add<T>};

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LayerKernels layer_kernels;
const LayerKernels layer_kernels = {{layer_kernel<float>, layer_kernel<double>}};
}  // namespace sprat::SPRAT_ISA
