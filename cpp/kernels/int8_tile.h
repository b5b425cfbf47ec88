// The register tile of integer products: some rows by some registers of outputs, all of k, and what becomes of the
// sums.
#pragma once

#include "core/unroll.h"
#include "kernels/int8_output.h"
#include "kernels/linear_int8.h"
#include "simd/dot.h"

SPRAT_ISA_BEGIN

// kInt8Rows x kTileVecs sums, and beside them the split weights of kTileVecs registers and one activation.
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI)
constexpr int kInt8Rows = 8, kTileVecs = 2;  // 32 registers
#elif defined(SPRAT_ISA_NEON) || defined(SPRAT_ISA_NEON_DOT)
constexpr int kInt8Rows = 4, kTileVecs = 4;  // 32 registers
#else
constexpr int kInt8Rows = 4, kTileVecs = 2;  // 16 registers
#endif
// Registers of a tile that stays within a panel, as it does where each panel has inputs of its own.
constexpr int kPresentVecs = kTileVecs < kVecsOfPanel ? kTileVecs : kVecsOfPanel;

// What a tile works on.
struct Int8Job {
  const LinearInt8& layer;
  const Int8Epilogue& epilogue;
  const Int8Rows& in;
  int64_t stride;  // of rows of in.x
  void* out;
};

template <Int8Output kOutput, int kRows, int kVecs>
SPRAT_INLINE void finish_tile(const Int8Job& job, int64_t row, int64_t first, Vec<int32_t> (&sum)[kRows][kVecs]) {
  using V = Vec<float>;
  using I = Vec<int32_t>;
  const RowsOut<kOutput == Int8Output::kCodes> out{job.out, job.layer.n, V(job.epilogue.floor)};
  const bool is_whole = job.layer.n >= (first + kVecs) * kIntLanes;
  SPRAT_UNROLL(8)
  for (int v = 0; v < kVecs; ++v) {
    const int64_t column = (first + v) * kIntLanes;
    const V scale = V::load(job.epilogue.scales + column), bias = V::load(job.epilogue.biases + column);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      if constexpr (kOutput == Int8Output::kRealsOfDynamic) {
        const I weight_sum = I::load(job.layer.weight_sums + column);
        const I shifted = sum[r][v] + I(kCodeBias - job.in.zero_points[row + r]) * weight_sum;
        out.store(to_real(shifted), V(job.in.scales[row + r]) * scale, bias, row + r, column, is_whole);
      } else {
        out.store(to_real(sum[r][v]), scale, bias, row + r, column, is_whole);
      }
    }
  }
}

// kAlong sums of each, for different steps of k, where rows and registers alone would wait for each other.
template <Int8Output kOutput, bool kPresent, int kRows, int kVecs, int kAlong>
SPRAT_NOINLINE void multiply_tile(const Int8Job& job, int64_t row, int64_t first) {
  using I = Vec<int32_t>;
  const LinearInt8& layer = job.layer;
  const int64_t stride = job.stride, panel = first / kVecsOfPanel;
  const uint8_t* x = job.in.x + row * stride;
  const int64_t begin = kPresent ? layer.panel_begin[panel] : panel * (stride / kInt8Four);
  const int64_t fours = kPresent ? layer.panel_begin[panel + 1] - begin : stride / kInt8Four;
  const uint16_t* present = kPresent ? layer.present + begin : nullptr;
  const int8_t* weight = layer.weight + begin * kFourOfPanel + first % kVecsOfPanel * kIntLanes * kInt8Four;
  I sum[kAlong][kRows][kVecs];
  SPRAT_UNROLL(8)
  for (int v = 0; v < kVecs; ++v) {
    const I start =
        kOutput == Int8Output::kRealsOfDynamic ? I(0) : I::load(job.epilogue.start + (first + v) * kIntLanes);
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      sum[0][r][v] = start;
      SPRAT_UNROLL(8)
      for (int a = 1; a < kAlong; ++a) sum[a][r][v] = I(0);
    }
  }
  const auto step = [&](int64_t four, I(&into)[kRows][kVecs]) SPRAT_INLINE_LAMBDA {
    SignedBytes w[kVecs];
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) {
      const int64_t next_panel = kVecsOfPanel < kVecs ? v / kVecsOfPanel * stride * kInt8Panel : 0;
      w[v] = load_fours(weight + four * kFourOfPanel + next_panel + v % kVecsOfPanel * kIntLanes * kInt8Four);
    }
    const uint8_t* at = x + (kPresent ? int64_t{present[four]} : four) * kInt8Four;
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const UnsignedBytes a = broadcast_four(at + r * stride);
      SPRAT_UNROLL(8)
      for (int v = 0; v < kVecs; ++v) into[r][v] = dot(into[r][v], a, w[v]);
    }
  };
  int64_t four = 0;
  for (; four + kAlong <= fours; four += kAlong) {
    SPRAT_UNROLL(8)
    for (int a = 0; a < kAlong; ++a) step(four + a, sum[a]);
  }
  if constexpr (kAlong > 1) {
    for (; four < fours; ++four) step(four, sum[0]);
    SPRAT_UNROLL(8)
    for (int v = 0; v < kVecs; ++v) {
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        SPRAT_UNROLL(8)
        for (int a = 1; a < kAlong; ++a) sum[0][r][v] += sum[a][r][v];
      }
    }
  }
  finish_tile<kOutput>(job, row, first, sum[0]);
}

using Int8Tile = void (*)(const Int8Job& job, int64_t row, int64_t first);

// of[r - 1]: the tile of r rows.
template <Int8Output kOutput, bool kPresent, int kVecs, int kRows = kInt8Rows>
struct Int8Tiles;
template <Int8Output kOutput, bool kPresent, int kVecs>
struct Int8Tiles<kOutput, kPresent, kVecs, 8> {
  static constexpr Int8Tile of[] = {
      multiply_tile<kOutput, kPresent, 1, kVecs, 4 / kVecs>, multiply_tile<kOutput, kPresent, 2, kVecs, 2 / kVecs>,
      multiply_tile<kOutput, kPresent, 3, kVecs, 2 / kVecs>, multiply_tile<kOutput, kPresent, 4, kVecs, 1>,
      multiply_tile<kOutput, kPresent, 5, kVecs, 1>,         multiply_tile<kOutput, kPresent, 6, kVecs, 1>,
      multiply_tile<kOutput, kPresent, 7, kVecs, 1>,         multiply_tile<kOutput, kPresent, 8, kVecs, 1>};
};
template <Int8Output kOutput, bool kPresent, int kVecs>
struct Int8Tiles<kOutput, kPresent, kVecs, 4> {
  static constexpr Int8Tile of[] = {multiply_tile < kOutput,
                                    kPresent,
                                    1,
                                    kVecs,
                                    kVecs == 4 ? 1 : 2 >,
                                    multiply_tile<kOutput, kPresent, 2, kVecs, 1>,
                                    multiply_tile<kOutput, kPresent, 3, kVecs, 1>,
                                    multiply_tile<kOutput, kPresent, 4, kVecs, 1>};
};

// Registers [first, last) of outputs, in steps of kVecs, for all rows. Rows are split evenly.
template <Int8Output kOutput, bool kPresent, int kVecs>
SPRAT_INLINE int64_t multiply_columns(const Int8Job& job, int64_t rows, int64_t first, int64_t last) {
  const int64_t tiles = (rows + kInt8Rows - 1) / kInt8Rows, fewer = rows / tiles, larger = rows % tiles;
  for (; first + kVecs <= last; first += kVecs) {
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t count = fewer + (tile < larger);
      Int8Tiles<kOutput, kPresent, kVecs>::of[count - 1](job, row, first);
      row += count;
    }
  }
  return first;
}

template <Int8Output kOutput>
SPRAT_NOINLINE void multiply_all(const Int8Job& job, int64_t rows) {
  const int64_t vecs = (job.layer.n + kIntLanes - 1) / kIntLanes;
  if (job.layer.panel_begin) {
    const int64_t first = multiply_columns<kOutput, true, kPresentVecs>(job, rows, 0, vecs);
    if constexpr (kPresentVecs > 1) multiply_columns<kOutput, true, 1>(job, rows, first, vecs);
  } else {
    const int64_t first = multiply_columns<kOutput, false, kTileVecs>(job, rows, 0, vecs);
    multiply_columns<kOutput, false, 1>(job, rows, first, vecs);
  }
}

SPRAT_ISA_END
