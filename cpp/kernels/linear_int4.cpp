#include "kernels/linear_int4.h"

#include "core/unroll.h"
#include "kernels/int8_output.h"
#include "simd/dot.h"

SPRAT_ISA_BEGIN

// A tile has kRows x kVecs sums of integers, as many of real numbers, and beside them both halves of kVecs registers of
// weights and one activation. One row takes more registers of outputs, so that it need not wait for its sums.
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
constexpr int kInt4Rows = 6, kInt4Vecs = 2, kOneRowVecs = 4;  // 32 registers
#elif defined(SPRAT_ISA_NEON) || defined(SPRAT_ISA_NEON_DOT)
constexpr int kInt4Rows = 4, kInt4Vecs = 2, kOneRowVecs = 4;  // 32 registers
#else
constexpr int kInt4Rows = 4, kInt4Vecs = 1, kOneRowVecs = 2;  // 16 registers
#endif

SPRAT_INLINE int32_t weight_at(const uint8_t* weight, int64_t k, int64_t n, int64_t column, int64_t i) {
  if (column >= n || i >= k) return 0;
  const int32_t half = weight[column * ((k + 1) / 2) + i / 2] >> (i % 2 * 4) & 15;
  return half < 8 ? half : half - 16;
}

void pack_int4(const uint8_t* weight, const float* weight_scales, int64_t k, int64_t n, int64_t group_size,
               uint8_t* packed, float* scales, int32_t* weight_sums) {
  const int64_t groups = int4_groups(k, group_size), steps = round_up(k, kInt4Step) / kInt4Step;
  for (int64_t column = 0; column < round_up(n, kInt8Panel); ++column) {
    const int64_t panel = column / kInt8Panel, lane = column % kInt8Panel;
    for (int64_t group = 0; group < groups; ++group) {
      const int64_t place = (panel * groups + group) * kInt8Panel + lane;
      scales[place] = column < n ? weight_scales[column * groups + group] : 0.0f;
      weight_sums[place] = 0;
    }
    for (int64_t step = 0; step < steps; ++step) {
      int32_t* sum = weight_sums + (panel * groups + step * kInt4Step / group_size) * kInt8Panel + lane;
      uint8_t* bytes = packed + (panel * steps + step) * kFourOfPanel + lane * kInt8Four;
      for (int64_t i = 0; i < kInt8Four; ++i) {
        const int32_t low = weight_at(weight, k, n, column, step * kInt4Step + i);
        const int32_t high = weight_at(weight, k, n, column, step * kInt4Step + kInt8Four + i);
        bytes[i] = static_cast<uint8_t>((high & 15) << 4 | (low & 15));
        *sum += 16 * (low + high);
      }
    }
  }
}

float int4_to_codes(const float* bias, int64_t n, float scale, float next_scale, int32_t next_zero_point,
                    float* biases) {
  for (int64_t i = 0; i < round_up(n, kInt8Panel); ++i) {
    biases[i] = i < n ? code_numbers(scale, 1, bias[i], next_scale, next_zero_point).bias : 0.0f;
  }
  return code_numbers(scale, 1, 0, next_scale, next_zero_point).scale;
}

struct Int4Job {
  const LinearInt4& layer;
  const Int4Epilogue& epilogue;
  const Int8Rows& in;
  void* out;
};

// Weights as the high halves of bytes, 16 times as large: signed as they are, and in sums that stay within 32 bits for
// as many inputs as those of int8 do.
struct Int4Weights {
  SignedBytes low, high;
};
SPRAT_INLINE Int4Weights load_step(const uint8_t* p) {
  native::I32 bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  SPRAT_KEEP_IN_REGISTER(bytes);
  constexpr auto kHigh = static_cast<int32_t>(0xf0f0f0f0);
  return {split_signed((bytes << 4) & kHigh), split_signed(bytes & kHigh)};
}

// kAlong sums of each, for different inputs of a group, where rows and registers alone would wait for each other.
template <Int8Output kOutput, int kRows, int kVecs, int kAlong>
SPRAT_NOINLINE void multiply_tile(const Int4Job& job, int64_t row, int64_t first) {
  using V = Vec<float>;
  using I = Vec<int32_t>;
  const LinearInt4& layer = job.layer;
  const int64_t k = layer.k, stride = int8_row_stride(k), groups = int4_groups(k, layer.group_size);
  const int64_t panel = first / kVecsOfPanel, steps = round_up(k, kInt4Step) / kInt4Step;
  const int64_t lane = first % kVecsOfPanel * kIntLanes;
  const uint8_t* weight = layer.weight + panel * steps * kFourOfPanel + lane * kInt8Four;
  const auto in_panels = [](int64_t v, int64_t panel_size) SPRAT_INLINE_LAMBDA {
    return v / kVecsOfPanel * panel_size + v % kVecsOfPanel * kIntLanes;  // of register v from the first one on
  };
  const uint8_t* x = job.in.x + row * stride;
  const int64_t numbers = panel * groups * kInt8Panel + lane;
  int32_t correction[kRows];
  bool corrects = false;
  for (int r = 0; r < kRows; ++r) {
    const bool is_static = kOutput != Int8Output::kRealsOfDynamic;
    correction[r] = kCodeBias - (is_static ? job.epilogue.zero_point : job.in.zero_points[row + r]);
    corrects |= correction[r] != 0;
  }
  V total[kRows][kVecs];
  SPRAT_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) total[r][v] = V(0);
  }
  const auto add_step = [&](I(&low)[kRows][kVecs], I(&high)[kRows][kVecs]) SPRAT_INLINE_LAMBDA {
    Int4Weights w[kVecs];
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) w[v] = load_step(weight + kInt8Four * in_panels(v, steps * kInt8Panel));
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const UnsignedBytes a = broadcast_four(x + r * stride);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kVecs; ++v) low[r][v] = dot(low[r][v], a, w[v].low);
    }
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const UnsignedBytes a = broadcast_four(x + r * stride + kInt8Four);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kVecs; ++v) high[r][v] = dot(high[r][v], a, w[v].high);
    }
    weight += kFourOfPanel;
    x += kInt4Step;
  };
  int64_t left = steps;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t of_group = layer.group_size / kInt4Step, stop = left > of_group ? left - of_group : 0;
    I sum[kAlong][kRows][kVecs];
    SPRAT_UNROLL(8)
    for (int a = 0; a < kAlong; ++a) {
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        SPRAT_UNROLL(8)
        for (int v = 0; v < kVecs; ++v) sum[a][r][v] = I(0);
      }
    }
    if constexpr (kAlong == 4) {
      for (; left >= stop + 2; left -= 2) {
        add_step(sum[0], sum[1]);
        add_step(sum[2], sum[3]);
      }
    }
    for (; left > stop; --left) add_step(sum[0], sum[kAlong > 1]);
    const int64_t place = numbers + group * kInt8Panel;
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) {
      const int64_t number = place + in_panels(v, groups * kInt8Panel);
      const V scale = V::load(layer.scales + number);
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        I joined = sum[0][r][v];
        SPRAT_UNROLL(8)
        for (int a = 1; a < kAlong; ++a) joined += sum[a][r][v];
        if (corrects) joined += I(correction[r]) * I::load(layer.weight_sums + number);
        total[r][v] = add_group(total[r][v], joined >> 4, scale);
      }
    }
  }
  const RowsOut<kOutput == Int8Output::kCodes> out{job.out, layer.n, V(job.epilogue.floor)};
  const bool is_whole = layer.n >= (first + kVecs) * kIntLanes;
  SPRAT_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    const V scale(kOutput == Int8Output::kRealsOfDynamic ? job.in.scales[row + r] : job.epilogue.scale);
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) {
      const int64_t column = (first + v) * kIntLanes;
      out.store(total[r][v], scale, V::load(job.epilogue.biases + column), row + r, column, is_whole);
    }
  }
}

template <Int8Output kOutput, int kVecs, int kRows>
SPRAT_INLINE void multiply_rows(const Int4Job& job, int64_t row, int64_t rows, int64_t first) {
  constexpr int kSums = kRows * kVecs;
  if (rows == kRows) {
    multiply_tile<kOutput, kRows, kVecs, kSums >= 4 ? 1 : kSums >= 2 ? 2 : 4>(job, row, first);
  } else if constexpr (kRows > 1) {
    multiply_rows<kOutput, kVecs, kRows - 1>(job, row, rows, first);
  }
}

// Registers [first, last) of outputs, in steps of kVecs, for all rows, which are split evenly.
template <Int8Output kOutput, int kVecs, int kRows>
SPRAT_INLINE int64_t multiply_columns(const Int4Job& job, int64_t rows, int64_t first, int64_t last) {
  const int64_t tiles = (rows + kRows - 1) / kRows, fewer = rows / tiles, larger = rows % tiles;
  for (; first + kVecs <= last; first += kVecs) {
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t count = fewer + (tile < larger);
      multiply_rows<kOutput, kVecs, kRows>(job, row, count, first);
      row += count;
    }
  }
  return first;
}

template <Int8Output kOutput>
SPRAT_NOINLINE void multiply_all(const Int4Job& job, int64_t rows) {
  const int64_t vecs = (job.layer.n + kIntLanes - 1) / kIntLanes;
  int64_t first = 0;
  if (rows == 1) first = multiply_columns<kOutput, kOneRowVecs, 1>(job, rows, first, vecs);
  first = multiply_columns<kOutput, kInt4Vecs, kInt4Rows>(job, rows, first, vecs);
  if constexpr (kInt4Vecs > 1) multiply_columns<kOutput, 1, kInt4Rows>(job, rows, first, vecs);
}

void multiply_int4(const LinearInt4& layer, const Int4Epilogue& epilogue, const Int8Rows& in, int64_t rows, float* y) {
  const Int4Job job{layer, epilogue, in, y};
  if (epilogue.is_static) {
    multiply_all<Int8Output::kRealsOfStatic>(job, rows);
  } else {
    multiply_all<Int8Output::kRealsOfDynamic>(job, rows);
  }
}

void multiply_int4_to_codes(const LinearInt4& layer, const Int4Epilogue& epilogue, const uint8_t* x, int64_t rows,
                            uint8_t* q) {
  const Int8Rows in{x, nullptr, nullptr};
  multiply_all<Int8Output::kCodes>({layer, epilogue, in, q}, rows);
}

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LinearInt4Kernels linear_int4_kernels;
const LinearInt4Kernels linear_int4_kernels = {pack_int4, int4_to_codes, multiply_int4, multiply_int4_to_codes};
}  // namespace sprat::SPRAT_ISA
