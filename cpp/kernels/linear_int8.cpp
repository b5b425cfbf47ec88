#include "kernels/linear_int8.h"

#include "kernels/int8_tile.h"
#include "kernels/quantize_rows.h"

SPRAT_ISA_BEGIN

// The four weights of an output that meet inputs 4 four to 4 four + 3, zeros beyond both; returns whether any is not 0.
SPRAT_INLINE bool load_weights(const int8_t* weight, int64_t k, int64_t n, int64_t column, int64_t four,
                               int8_t (&to)[kInt8Four]) {
  bool any = false;
  for (int64_t i = 0; i < kInt8Four; ++i) {
    const int64_t at = four * kInt8Four + i;
    to[i] = column < n && at < k ? weight[column * k + at] : int8_t{0};
    any |= to[i] != 0;
  }
  return any;
}

// The 16 x 4 weights of a step of k in the panel that begins at `column`; returns whether any is not 0.
SPRAT_INLINE bool load_step(const int8_t* weight, int64_t k, int64_t n, int64_t column, int64_t four,
                            int8_t (&to)[kInt8Panel][kInt8Four]) {
  bool any = false;
  for (int64_t c = 0; c < kInt8Panel; ++c) any |= load_weights(weight, k, n, column + c, four, to[c]);
  return any;
}

SPRAT_INLINE void add_step(const int8_t (&step)[kInt8Panel][kInt8Four], int32_t* weight_sums) {
  for (int64_t c = 0; c < kInt8Panel; ++c) {
    for (int64_t i = 0; i < kInt8Four; ++i) weight_sums[c] += step[c][i];
  }
}

void pack(const int8_t* weight, int64_t k, int64_t n, int8_t* packed, int32_t* weight_sums) {
  int8_t step[kInt8Panel][kInt8Four];
  for (int64_t column = 0; column < n; column += kInt8Panel) {
    for (int64_t c = 0; c < kInt8Panel; ++c) weight_sums[column + c] = 0;
    for (int64_t four = 0; four < int8_row_stride(k) / kInt8Four; ++four, packed += kFourOfPanel) {
      load_step(weight, k, n, column, four, step);
      __builtin_memcpy(packed, step, sizeof step);
      add_step(step, weight_sums + column);
    }
  }
}

int64_t count_present(const int8_t* weight, int64_t k, int64_t n, int64_t* panel_begin) {
  int8_t step[kInt8Panel][kInt8Four];
  int64_t count = 0;
  *panel_begin++ = 0;
  for (int64_t column = 0; column < n; column += kInt8Panel) {
    for (int64_t four = 0; four < int8_row_stride(k) / kInt8Four; ++four) {
      count += load_step(weight, k, n, column, four, step);
    }
    *panel_begin++ = count;
  }
  return count;
}

void pack_present(const int8_t* weight, int64_t k, int64_t n, int8_t* packed, uint16_t* present, int32_t* weight_sums) {
  int8_t step[kInt8Panel][kInt8Four];
  for (int64_t column = 0; column < n; column += kInt8Panel) {
    for (int64_t c = 0; c < kInt8Panel; ++c) weight_sums[column + c] = 0;
    for (int64_t four = 0; four < int8_row_stride(k) / kInt8Four; ++four) {
      if (!load_step(weight, k, n, column, four, step)) continue;
      __builtin_memcpy(packed, step, sizeof step);
      packed += kFourOfPanel;
      *present++ = static_cast<uint16_t>(four);
      add_step(step, weight_sums + column);
    }
  }
}

void start_sums(const int32_t* weight_sums, int64_t n, int32_t zero_point, int32_t* start) {
  for (int64_t i = 0; i < round_up(n, kInt8Panel); ++i) start[i] = (kCodeBias - zero_point) * weight_sums[i];
}

void to_reals(const float* weight_scales, const float* bias, int64_t n, float scale, float* scales, float* biases) {
  for (int64_t i = 0; i < round_up(n, kInt8Panel); ++i) {
    scales[i] = i < n ? scale * weight_scales[i] : 0.0f;
    biases[i] = i < n && bias ? bias[i] : 0.0f;
  }
}

void to_codes(const float* weight_scales, const float* bias, int64_t n, float scale, float next_scale,
              int32_t next_zero_point, float* scales, float* biases) {
  for (int64_t i = 0; i < round_up(n, kInt8Panel); ++i) {
    const CodeNumbers numbers =
        i < n ? code_numbers(scale, weight_scales[i], bias ? bias[i] : 0.0f, next_scale, next_zero_point)
              : CodeNumbers{0, 0};
    scales[i] = numbers.scale;
    biases[i] = numbers.bias;
  }
}

void multiply(const LinearInt8& layer, const Int8Epilogue& epilogue, const Int8Rows& in, int64_t rows, float* y) {
  const Int8Job job{layer, epilogue, in, int8_row_stride(layer.k), y};
  if (epilogue.start) {
    multiply_all<Int8Output::kRealsOfStatic>(job, rows);
  } else {
    multiply_all<Int8Output::kRealsOfDynamic>(job, rows);
  }
}

void multiply_to_codes(const LinearInt8& layer, const Int8Epilogue& epilogue, const uint8_t* x, int64_t rows,
                       uint8_t* q) {
  const Int8Rows in{x, nullptr, nullptr};
  multiply_all<Int8Output::kCodes>({layer, epilogue, in, int8_row_stride(layer.k), q}, rows);
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LinearInt8Kernels linear_int8_kernels;
const LinearInt8Kernels linear_int8_kernels = {pack,     count_present,    pack_present,    start_sums,
                                               to_reals, to_codes,         quantize_static, quantize_dynamic,
                                               multiply, multiply_to_codes};
}  // namespace sprat::SPRAT_ISA
