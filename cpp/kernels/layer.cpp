#include "kernels/layer.h"

#include "core/rng.h"
#include "formulas/quantize/affine.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

template <class T>
void dropout(const Dropout& dropout, int64_t first_row, int64_t rows, const void* x, void* y) {
  const Philox generator(dropout.seed);
  const int64_t columns = dropout.columns, blocks = (columns + 3) / 4;
  // uniform < probability as a comparison of integers: both sides times 2^24.
  const double scaled = dropout.probability * 0x1p24;
  uint32_t threshold = static_cast<uint32_t>(scaled);
  if (threshold < scaled) ++threshold;
  const T scale = T(1 / (1 - dropout.probability));
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(y);

  constexpr int64_t kChunk = 16;  // blocks whose words are made together
  uint32_t words[kChunk * 4];
  for (int64_t row = 0; row < rows; ++row) {
    const uint64_t first_block = static_cast<uint64_t>(first_row + row) * static_cast<uint64_t>(blocks);
    for (int64_t chunk = 0; chunk < blocks; chunk += kChunk) {
      for (int64_t i = 0; i < kChunk; ++i) {
        const RandomBlock block = generator.block(dropout.stream, first_block + static_cast<uint64_t>(chunk + i));
        for (int w = 0; w < 4; ++w) words[4 * i + w] = block.word[w];
      }
      const int64_t begin = row * columns + chunk * 4;
      const int64_t left = columns - chunk * 4, n = left < kChunk * 4 ? left : kChunk * 4;
      for (int64_t j = 0; j < n; ++j) {
        const T kept = in[begin + j] * scale;
        out[begin + j] = (words[j] >> 8) >= threshold ? kept : T(0);
      }
    }
  }
}

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
constexpr LayerKernel layer_kernel = {dropout<T>, fake_quantize<T>, fake_quantize_gradient<T>, add<T>};

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LayerKernels layer_kernels;
const LayerKernels layer_kernels = {{layer_kernel<float>, layer_kernel<double>}};
}  // namespace sprat::SPRAT_ISA
