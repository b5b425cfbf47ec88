#include "cuda/between.h"

#include "core/rng.h"
#include "cuda/launch.h"
#include "formulas/dropout.h"
#include "formulas/quantize/affine.h"

SPRAT_ISA_BEGIN

__device__ inline int64_t element_of_thread() { return blockIdx.x * int64_t{blockDim.x} + threadIdx.x; }

// A thread takes the four columns of a random block.
template <class T>
__global__ void dropout_fours(const InvertedDropout<T> formula, const Dropout dropout, int64_t first_row, int64_t rows,
                              const T* x, T* y) {
  const int64_t blocks = (dropout.columns + 3) / 4, i = element_of_thread(), row = i / blocks, block = i - row * blocks;
  if (row >= rows) return;
  const auto index = static_cast<uint64_t>(first_row + row) * static_cast<uint64_t>(blocks);
  const RandomBlock random = Philox(dropout.seed).block(dropout.stream, index + static_cast<uint64_t>(block));
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    const int64_t column = 4 * block + w, at = row * dropout.columns + column;
    if (column < dropout.columns) y[at] = formula(x[at], random.word[w]);
  }
}

template <class T>
__global__ void fake_quantize_elements(const Affine<T> affine, const T* x, T* y, int64_t n) {
  const int64_t i = element_of_thread();
  if (i < n) y[i] = affine.dequantize(affine.quantize(x[i]));
}

template <class T>
__global__ void fake_quantize_gradients(const Affine<T> affine, const T* x, T* grad, int64_t n) {
  const int64_t i = element_of_thread();
  if (i < n && !affine.passes_gradient(x[i])) grad[i] = T(0);
}

template <class T>
__global__ void add_elements(const T* x, const T* y, T* sum, int64_t n) {
  const int64_t i = element_of_thread();
  if (i < n) sum[i] = x[i] + y[i];
}

template <class T>
Affine<T> affine_of(const sprat_fake_quant& quant) {
  return {T(quant.scale), T(quant.zero_point), T(quant.quant_min), T(quant.quant_max)};
}

// call(T) for the element type.
template <class Call>
sprat_status with_type(sprat_dtype dtype, Call&& call) {
  return dtype == SPRAT_FLOAT64 ? call(double()) : call(float());
}

inline dim3 blocks_of(int64_t n) { return dim3(static_cast<unsigned>(cuda::blocks_for(n, cuda::kThreads))); }

SPRAT_ISA_END

namespace sprat::cuda {

sprat_status apply_dropout(sprat_dtype dtype, const Dropout& dropout, int64_t first_row, int64_t rows, const void* x,
                           void* y, void* stream) {
  return with_type(dtype, [&](auto type) {
    using T = decltype(type);
    return launch(dropout_fours<T>, blocks_of(rows * blocks_for(dropout.columns, 4)), kThreads, stream,
                  InvertedDropout<T>(dropout.probability), dropout, first_row, rows, static_cast<const T*>(x),
                  static_cast<T*>(y));
  });
}

sprat_status fake_quantize(sprat_dtype dtype, const sprat_fake_quant& quant, const void* x, void* y, int64_t n,
                           void* stream) {
  return with_type(dtype, [&](auto type) {
    using T = decltype(type);
    return launch(fake_quantize_elements<T>, blocks_of(n), kThreads, stream, affine_of<T>(quant),
                  static_cast<const T*>(x), static_cast<T*>(y), n);
  });
}

sprat_status fake_quantize_gradient(sprat_dtype dtype, const sprat_fake_quant& quant, const void* x, void* grad,
                                    int64_t n, void* stream) {
  return with_type(dtype, [&](auto type) {
    using T = decltype(type);
    return launch(fake_quantize_gradients<T>, blocks_of(n), kThreads, stream, affine_of<T>(quant),
                  static_cast<const T*>(x), static_cast<T*>(grad), n);
  });
}

sprat_status add(sprat_dtype dtype, const void* x, const void* y, void* sum, int64_t n, void* stream) {
  return with_type(dtype, [&](auto type) {
    using T = decltype(type);
    return launch(add_elements<T>, blocks_of(n), kThreads, stream, static_cast<const T*>(x), static_cast<const T*>(y),
                  static_cast<T*>(sum), n);
  });
}

}  // namespace sprat::cuda
