// What surrounds the products of integers: rows to codes, and the numbers of an epilogue.
#include "cuda/integer.h"
#include "cuda/launch.h"
#include "formulas/quantize/affine.h"
#include "formulas/quantize/choose_qparams.h"
#include "formulas/quantize/requantize.h"
#include "formulas/quantize/value_range.h"

SPRAT_ISA_BEGIN

constexpr int kRowWarp = 32;

__device__ inline int8_t stored_code(float code) {
  return static_cast<int8_t>(static_cast<int32_t>(code) - cuda::kCodeShift);
}

__global__ void quantize_elements(Affine<float> affine, const float* x, int64_t rows, int64_t k, int8_t* codes) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x, row = i / k;
  if (row < rows) codes[row * cuda::code_stride(k) + i - row * k] = stored_code(affine.quantize(x[i]));
}

// A warp a row: its smallest and largest finite number or 0, whose order does not matter, then its codes.
__global__ void quantize_each_row(const float* x, int64_t rows, int64_t k, int8_t* codes, float* scales,
                                  int32_t* zero_points) {
  const int64_t row = (blockIdx.x * int64_t{blockDim.x} + threadIdx.x) / kRowWarp;
  const int lane = static_cast<int>(threadIdx.x) % kRowWarp;
  if (row >= rows) return;
  const float* from = x + row * k;
  float low = 0, high = 0;
  for (int64_t i = lane; i < k; i += kRowWarp) {
    const float value = select(abs(from[i]) <= kLargest<float>, from[i], 0.0f);
    low = min(value, low);
    high = max(value, high);
  }
  constexpr unsigned kAll = 0xffffffffu;
  for (int half = kRowWarp / 2; half > 0; half /= 2) {
    low = min(low, __shfl_xor_sync(kAll, low, half));
    high = max(high, __shfl_xor_sync(kAll, high, half));
  }
  const QParams<float> chosen = choose_qparams(low, high, 0, 255, false);
  const Affine<float> affine{chosen.scale, to_real(chosen.zero_point), 0.0f, 255.0f};
  for (int64_t i = lane; i < k; i += kRowWarp) {
    codes[row * cuda::code_stride(k) + i] = stored_code(affine.quantize(from[i]));
  }
  if (lane != 0) return;
  scales[row] = chosen.scale;
  zero_points[row] = chosen.zero_point;
}

// A thread for each output.
__global__ void prepare_outputs(cuda::IntegerLayer layer, cuda::InputNumbers input, cuda::InputNumbers next,
                                bool has_next, int64_t groups) {
  const int64_t output = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (output >= layer.n) return;
  const int8_t* weight = layer.weight + output * cuda::code_stride(layer.k);
  const int64_t size = layer.group_size > 0 ? layer.group_size : layer.k;
  for (int64_t group = 0; group < groups; ++group) {
    int32_t sum = 0;
    for (int64_t i = group * size; i < layer.k && i < (group + 1) * size; ++i) sum += weight[i];
    layer.weight_sums[output * groups + group] = sum;
  }
  // Of int4 every group has brought the scale of its weights into the sum.
  const bool grouped = layer.group_size > 0;
  const float scale = input.is_static ? input.scale : 1.0f, bias = layer.bias ? layer.bias[output] : 0.0f;
  const float weight_scale = grouped ? 1.0f : layer.weight_scales[output];
  layer.reals.biases[output] = bias;
  if (!grouped || output == 0) layer.reals.scales[output] = scale * weight_scale;
  if (!has_next) return;
  const CodeNumbers numbers = code_numbers(input.scale, weight_scale, bias, next.scale, next.zero_point);
  layer.codes.biases[output] = numbers.bias;
  if (!grouped || output == 0) layer.codes.scales[output] = numbers.scale;
}

// float16: the exponent's bias grows from 15 to 127 by an exact product with 2^112, which makes subnormals normal; the
// largest exponent, of infinities and NaN, becomes the largest (simd/half.h).
__device__ inline float widen_float16(uint16_t half) {
  const int32_t magnitude = half & 0x7fff;
  const float scaled = scalar_from_bits<float>(magnitude << 13) * 0x1p112f;
  const int32_t not_finite = magnitude > 0x7bff ? 0x7f800000 : 0, sign = (half >> 15) << 31;
  return scalar_from_bits<float>(to_bits(scaled) | not_finite | sign);
}

__global__ void widen_elements(bool bfloat16, const uint16_t* from, float* to, int64_t n) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= n) return;
  to[i] = bfloat16 ? scalar_from_bits<float>(static_cast<int32_t>(static_cast<uint32_t>(from[i]) << 16))
                   : widen_float16(from[i]);
}

inline dim3 blocks_of(int64_t n) { return dim3(static_cast<unsigned>(cuda::blocks_for(n, cuda::kThreads))); }

SPRAT_ISA_END

namespace sprat::cuda {

sprat_status prepare(const IntegerLayer& layer, const InputNumbers& input, const InputNumbers* next, void* stream) {
  return launch(prepare_outputs, blocks_of(layer.n), kThreads, stream, layer, input, next ? *next : InputNumbers{},
                next != nullptr, layer.groups());
}

sprat_status quantize_rows(const InputNumbers& input, const float* x, int64_t rows, int64_t k, int8_t* codes,
                           float* scales, int32_t* zero_points, void* stream) {
  if (!input.is_static) {
    return launch(quantize_each_row, blocks_of(rows * kRowWarp), kThreads, stream, x, rows, k, codes, scales,
                  zero_points);
  }
  const Affine<float> affine{input.scale, to_real(input.zero_point), 0.0f, 255.0f};
  return launch(quantize_elements, blocks_of(rows * k), kThreads, stream, affine, x, rows, k, codes);
}

sprat_status widen(bool bfloat16, const uint16_t* from, float* to, int64_t n, void* stream) {
  return launch(widen_elements, blocks_of(n), kThreads, stream, bfloat16, from, to, n);
}

}  // namespace sprat::cuda
