// The one loop of all products: C(m, n) = sum_k A(m, k) B(n, k), k ascending by fused multiply-add from zero, as
// kernels/linear.h has it, so that the bits are those of the CPU.
//
// A block of threads computes kTile x kTile of C. Strips of kDepth values of k (8 for large tiles, whose sums leave no
// registers for more on their way; 16 for small ones) go through registers into shared memory,
// two strips by turns: while one is multiplied the next is on its way, and one barrier a strip is enough. A thread
// holds 4 x 4 sums, or four such squares half a tile apart, and reads both factors by 128 bits.
//
// Both factors lie in shared memory as [k][line], a line being a row of A or of B. One whose lines are consecutive in
// memory is stored as it comes. One whose k is consecutive is turned: a thread stores four words, 4 k's of one line,
// and a warp has as many lines as it has threads for a line. Without care its threads would meet in the same banks, so
// the lines of each four of k change places by that number: line ^ swizzle(k). That is free of conflicts both ways and
// leaves four neighbouring lines together.
//
// What lies beyond k is 0 in A and -0 in B: a product of -0 changes no sum, not even one of -0.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "simd/vec.h"

SPRAT_ISA_BEGIN

constexpr int kMostDepth = 16;

template <class T>
struct alignas(16) Four {
  T at[4];
};

__device__ inline float multiply_add(float a, float b, float sum) { return fma(a, b, sum); }
__device__ inline double multiply_add(double a, double b, double sum) { return fma(a, b, sum); }
// Four products of signed bytes.
__device__ inline int32_t multiply_add(int32_t a, int32_t b, int32_t sum) { return __dp4a(a, b, sum); }

template <int kDepth>
__device__ constexpr int swizzle(int k) {
  constexpr int kLines = 32 / (kDepth / 4);  // of a warp
  return k % kDepth / 4 * kLines;
}

// One factor: line l begins at l * stride with k's one after the other (kKInner), or k at k * stride with its lines.
template <class T>
struct Operand {
  const T* data;
  int64_t lines, stride;

  // Whether fours of elements may be read as 16 bytes.
  bool is_aligned() const {
    return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride * static_cast<int64_t>(sizeof(T)) % 16 == 0;
  }
};

template <class T>
struct ProductArgs {
  Operand<T> a, b;
  int64_t k;
  int64_t block;  // k's of which the sums begin anew, a multiple of the depth; what becomes of them is the epilogue's
  int64_t span;   // k's of one grid.z, a multiple of block
  bool a_aligned, b_aligned;
};

// The strip of a factor that a thread takes from memory to shared memory. What stays over all strips is little, as sums
// need the registers: where the next strip lies, and how many of its lines there are.
template <class T, int kTile, int kDepth, int kThreads, bool kKInner>
struct Strip {
  static constexpr int kFours = kTile * kDepth / 4 / kThreads;
  const T* at[kFours];
  int room[kFours];  // kKInner: all ones if there is such a line, else 0. Otherwise the lines from here on, at most 4
  Four<T> held[kFours];

  __device__ static int line_of(int i) {
    const int four = static_cast<int>(threadIdx.x) + i * kThreads;
    return kKInner ? four / (kDepth / 4) : four % (kTile / 4) * 4;
  }
  __device__ static int k_of(int i) {
    const int four = static_cast<int>(threadIdx.x) + i * kThreads;
    return kKInner ? four % (kDepth / 4) * 4 : four / (kTile / 4);
  }

  __device__ Strip(const Operand<T>& from, int64_t first_line, int64_t first_k) {
#pragma unroll
    for (int i = 0; i < kFours; ++i) {
      const int64_t line = first_line + line_of(i), k = first_k + k_of(i), lines = from.lines - line;
      at[i] = from.data + (kKInner ? line * from.stride + k : k * from.stride + line);
      if (kKInner) room[i] = lines > 0 ? -1 : 0;
      else room[i] = lines < 4 ? static_cast<int>(lines) : 4;
    }
  }

  // The next strip, which has k_left k's at least.
  __device__ void load(const Operand<T>& from, int k_left, bool aligned, T padding) {
#pragma unroll
    for (int i = 0; i < kFours; ++i) {
      const int left = kKInner ? (k_left - k_of(i)) & room[i] : k_of(i) < k_left ? room[i] : 0;
      if (aligned && left >= 4) {
        held[i] = *reinterpret_cast<const Four<T>*>(at[i]);
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) held[i].at[j] = j < left ? at[i][j] : padding;
      }
      at[i] += kKInner ? kDepth : kDepth * from.stride;
    }
  }

  __device__ void store(T (&to)[kDepth][kTile]) const {
#pragma unroll
    for (int i = 0; i < kFours; ++i) {
      const int k = k_of(i), line = line_of(i) ^ swizzle<kDepth>(k);
      if constexpr (kKInner) {
#pragma unroll
        for (int j = 0; j < 4; ++j) to[k + j][line] = held[i].at[j];
      } else {
        *reinterpret_cast<Four<T>*>(&to[k][line]) = held[i];
      }
    }
  }
};

// Where a thread's sums lie in the tile. A warp covers 16 x 32 of each square, so that its reads of B are 128 bytes in
// a row and those of A 64.
template <int kTile, int kSquares>
struct ThreadPlace {
  static constexpr int kAcross = kTile / kSquares / 4;  // threads along a side
  static constexpr int kThreads = kAcross * kAcross;
  static constexpr int kApart = kTile / kSquares;
  static_assert(kAcross % 8 == 0);
  int row, column;

  __device__ ThreadPlace() {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    row = 4 * (lane / 8 + warp / (kAcross / 8) * 4);
    column = 4 * (lane % 8 + warp % (kAcross / 8) * 8);
  }
};

template <class T, int kTile, int kDepth, int kSquares>
__device__ void multiply_strip(const T (&a)[kDepth][kTile], const T (&b)[kDepth][kTile],
                               const ThreadPlace<kTile, kSquares>& place, T (&sum)[4 * kSquares][4 * kSquares]) {
#pragma unroll
  for (int k = 0; k < kDepth; ++k) {
    Four<T> rows[kSquares], columns[kSquares];
#pragma unroll
    for (int s = 0; s < kSquares; ++s) {
      rows[s] = *reinterpret_cast<const Four<T>*>(&a[k][(place.row ^ swizzle<kDepth>(k)) + s * place.kApart]);
      columns[s] = *reinterpret_cast<const Four<T>*>(&b[k][(place.column ^ swizzle<kDepth>(k)) + s * place.kApart]);
    }
#pragma unroll
    for (int r = 0; r < 4 * kSquares; ++r) {
#pragma unroll
      for (int c = 0; c < 4 * kSquares; ++c) {
        sum[r][c] = multiply_add(rows[r / 4].at[r % 4], columns[c / 4].at[c % 4], sum[r][c]);
      }
    }
  }
}

// The tile of this block. Neighbouring blocks go down groups of eight rows of tiles: those that run at a time then
// share rows of A and of B in the second-level cache.
struct TilePlace {
  int m, n;

  __device__ TilePlace(int tiles_m, int tiles_n) {
    constexpr int kGroup = 8;
    const int of_group = kGroup * tiles_n, group = static_cast<int>(blockIdx.x) / of_group, first = group * kGroup;
    const int height = tiles_m - first < kGroup ? tiles_m - first : kGroup;
    const int place = static_cast<int>(blockIdx.x) - group * of_group;
    m = first + place % height;
    n = place / height;
  }
};

// Blocks that a multiprocessor shall hold: the registers of a thread follow. Two large tiles (128 registers each) hide
// each other's barriers.
template <class T, int kTile>
constexpr int blocks_at_once() {
  if (kTile == 128) return 2;
  return kTile == 64 || sizeof(T) == 8 ? 6 : 10;
}

// epilogue.store(row, column, four sums of columns side by side, block, last): of that block of k, and whether it is
// the last one.
template <class T, int kTile, int kSquares, bool kAKInner, bool kBKInner, class Epilogue>
__global__ void __launch_bounds__((ThreadPlace<kTile, kSquares>::kThreads), (blocks_at_once<T, kTile>()))
    multiply_tiles(const ProductArgs<T> p, const Epilogue epilogue) {
  constexpr int kThreads = ThreadPlace<kTile, kSquares>::kThreads, kDepth = kSquares == 2 ? 8 : kMostDepth;
  __shared__ __align__(16) T a[2][kDepth][kTile];
  __shared__ __align__(16) T b[2][kDepth][kTile];
  const TilePlace tile(static_cast<int>((p.a.lines + kTile - 1) / kTile),
                       static_cast<int>((p.b.lines + kTile - 1) / kTile));
  const int64_t k_begin = blockIdx.z * p.span, k_count = p.k - k_begin < p.span ? p.k - k_begin : p.span;
  const int strips = static_cast<int>((k_count + kDepth - 1) / kDepth);
  const int tail = static_cast<int>(k_count - int64_t{strips - 1} * kDepth);  // k's of the last strip
  const ThreadPlace<kTile, kSquares> place;

  Strip<T, kTile, kDepth, kThreads, kAKInner> a_strip(p.a, int64_t{tile.m} * kTile, k_begin);
  Strip<T, kTile, kDepth, kThreads, kBKInner> b_strip(p.b, int64_t{tile.n} * kTile, k_begin);
  const auto load = [&](int strip) {
    const int k_left = strip + 1 < strips ? kDepth : tail;
    a_strip.load(p.a, k_left, p.a_aligned, T(0));
    b_strip.load(p.b, k_left, p.b_aligned, T(-0.0));
  };
  load(0);
  a_strip.store(a[0]);
  b_strip.store(b[0]);
  __syncthreads();

  const int of_block = static_cast<int>(p.block / kDepth);
  for (int strip = 0; strip < strips;) {
    const int block = strip / of_block;
    const int end = strips - strip < of_block ? strips : strip + of_block;
    T sum[4 * kSquares][4 * kSquares];
#pragma unroll
    for (int r = 0; r < 4 * kSquares; ++r) {
#pragma unroll
      for (int c = 0; c < 4 * kSquares; ++c) sum[r][c] = T(0);
    }
    for (; strip < end; ++strip) {
      const bool has_next = strip + 1 < strips;
      if (has_next) load(strip + 1);
      multiply_strip<T, kTile, kDepth, kSquares>(a[strip % 2], b[strip % 2], place, sum);
      if (has_next) {
        a_strip.store(a[(strip + 1) % 2]);
        b_strip.store(b[(strip + 1) % 2]);
      }
      __syncthreads();
    }
#pragma unroll
    for (int r = 0; r < 4 * kSquares; ++r) {
      const int64_t row = int64_t{tile.m} * kTile + place.row + r / 4 * place.kApart + r % 4;
      if (row >= p.a.lines) continue;
#pragma unroll
      for (int s = 0; s < kSquares; ++s) {
        const int64_t column = int64_t{tile.n} * kTile + place.column + s * place.kApart;
        if (column >= p.b.lines) continue;
        const Four<T> sums{{sum[r][4 * s], sum[r][4 * s + 1], sum[r][4 * s + 2], sum[r][4 * s + 3]}};
        epilogue.store(row, column, sums, block, end == strips);
      }
    }
  }
}

SPRAT_ISA_END
