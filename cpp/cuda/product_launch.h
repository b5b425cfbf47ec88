// Chooses a tile for a product and launches it, for one element type: product_float.cu, product_double.cu.
#pragma once

#include "cuda/launch.h"
#include "cuda/product.h"
#include "cuda/product_tile.h"
#include "formulas/activation/relu.h"

SPRAT_ISA_BEGIN

// What becomes of the sums of a real product: see Product. Four columns side by side are stored at once.
template <class T>
struct RealEpilogue {
  T* c;
  int64_t n;
  const T* bias;
  const T* gate;
  int64_t part_stride;  // from the C of one grid.z to the next
  bool relu, is_aligned;

  __device__ void store(int64_t row, int64_t column, Four<T> sums, int block, bool is_last) const {
    const int64_t place = row * n + column, left = n - column;
    T* to = c + blockIdx.z * part_stride + place;
    const bool whole = is_aligned && left >= 4;
    if (block > 0) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j < left) sums.at[j] = to[j] + sums.at[j];
      }
    }
    if (is_last) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j >= left) continue;
        if (bias) sums.at[j] = sums.at[j] + bias[column + j];
        if (relu) sums.at[j] = Relu{}(sums.at[j]);
        if (gate) sums.at[j] = sums.at[j] * Relu{}.derivative(T(0), gate[place + j]);
      }
    }
    if (whole) {
      *reinterpret_cast<Four<T>*>(to) = sums;
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j < left) to[j] = sums.at[j];
      }
    }
  }
};

// c[i] = parts[i], then c[i] + parts[count + i], ...: block sums in order.
template <class T>
__global__ void add_parts(const T* parts, int64_t num_parts, int64_t count, T* c) {
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= count) return;
  T total = parts[i];
  for (int64_t part = 1; part < num_parts; ++part) total = total + parts[part * count + i];
  c[i] = total;
}

constexpr int64_t kRowBlock = 512;  // of weight and bias gradients: kReduceBlock of kernels/linear.h
constexpr int kLargeTile = 128, kSmallTile = 32;
// From so many large tiles on a GPU is busy with them; below, small ones reach more of its processors.
constexpr int64_t kManyTiles = 64;

inline int64_t tiles_of(int64_t n, int64_t tile) { return (n + tile - 1) / tile; }

template <class T, int kTile, int kSquares, bool kAKInner, bool kBKInner>
sprat_status launch_product(const ProductArgs<T>& args, const RealEpilogue<T>& epilogue, void* stream) {
  const int64_t tiles = tiles_of(args.a.lines, kTile) * tiles_of(args.b.lines, kTile);
  const dim3 grid(static_cast<unsigned>(tiles), 1, static_cast<unsigned>(tiles_of(args.k, args.span)));
  return cuda::launch(multiply_tiles<T, kTile, kSquares, kAKInner, kBKInner, RealEpilogue<T>>, grid,
                      dim3(ThreadPlace<kTile, kSquares>::kThreads), stream, args, epilogue);
}

template <class T, bool kAKInner, bool kBKInner>
sprat_status launch_form(const ProductArgs<T>& args, const RealEpilogue<T>& epilogue, void* stream) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (tiles_of(args.a.lines, kLargeTile) * tiles_of(args.b.lines, kLargeTile) >= kManyTiles) {
      return launch_product<T, kLargeTile, 2, kAKInner, kBKInner>(args, epilogue, stream);
    }
  }
  return launch_product<T, kSmallTile, 1, kAKInner, kBKInner>(args, epilogue, stream);
}

template <class T>
sprat_status launch_multiply(cuda::ProductForm form, const cuda::Product<T>& p, void* stream) {
  using cuda::ProductForm;
  if (p.m == 0 || p.n == 0) return SPRAT_OK;
  const bool by_rows = form == ProductForm::kWeightGradient;
  const Operand<T> a{p.a, p.m, by_rows ? p.m : p.k};
  const Operand<T> b{p.b, p.n, form == ProductForm::kForward ? p.k : p.n};
  const int64_t block = by_rows ? kRowBlock : tiles_of(p.k, kMostDepth) * kMostDepth;
  const bool in_parts = by_rows && p.parts && cuda::product_parts(p.m, p.n, p.k) > 0;
  const ProductArgs<T> args{
      a, b, p.k, block, in_parts ? block : tiles_of(p.k, block) * block, a.is_aligned(), b.is_aligned()};
  T* c = in_parts ? p.parts : p.c;
  const bool is_aligned = Operand<T>{c, p.m, p.n}.is_aligned();
  const RealEpilogue<T> epilogue{c, p.n, p.bias, p.gate, in_parts ? p.m * p.n : 0, p.relu, is_aligned};
  if (form == ProductForm::kForward) return launch_form<T, true, true>(args, epilogue, stream);
  if (form == ProductForm::kInputGradient) return launch_form<T, true, false>(args, epilogue, stream);
  SPRAT_RETURN_IF_REFUSED((launch_form<T, false, false>(args, epilogue, stream)));
  if (!in_parts) return SPRAT_OK;
  return cuda::launch(add_parts<T>, cuda::blocks_for(p.m * p.n, cuda::kThreads), cuda::kThreads, stream, p.parts,
                      tiles_of(p.k, block), p.m * p.n, p.c);
}

// A block of threads takes 32 columns; its 16 rows of threads are the logical lanes.
constexpr int kSumColumns = 32, kSumLanes = 16;

template <class T>
__global__ void sum_rows_of_columns(const T* dz, int64_t rows, int64_t columns, T* db) {
  __shared__ T lanes[kSumLanes][kSumColumns];
  const int64_t column = blockIdx.x * int64_t{kSumColumns} + threadIdx.x;
  T total = T(0);
  for (int64_t block = 0; block < rows; block += kRowBlock) {
    const int64_t end = rows - block < kRowBlock ? rows : block + kRowBlock;
    T sum = T(0);
    if (column < columns) {
#pragma unroll 8
      for (int64_t row = block + threadIdx.y; row < end; row += kSumLanes) sum += dz[row * columns + column];
    }
    lanes[threadIdx.y][threadIdx.x] = sum;
    for (unsigned half = kSumLanes / 2; half > 0; half /= 2) {
      __syncthreads();
      if (threadIdx.y < half) lanes[threadIdx.y][threadIdx.x] += lanes[threadIdx.y + half][threadIdx.x];
    }
    // Row 0 of threads wrote the sum and is the next to write there: the last barrier is enough for it, but row 1's
    // next lane must not be written before row 0 has read it.
    if (threadIdx.y == 0) total = block == 0 ? lanes[0][threadIdx.x] : total + lanes[0][threadIdx.x];
    __syncthreads();
  }
  if (threadIdx.y == 0 && column < columns) db[column] = total;
}

template <class T>
sprat_status launch_sum_rows(const T* dz, int64_t rows, int64_t columns, T* db, void* stream) {
  if (columns == 0) return SPRAT_OK;
  return cuda::launch(sum_rows_of_columns<T>, dim3(static_cast<unsigned>(tiles_of(columns, kSumColumns))),
                      dim3(kSumColumns, kSumLanes), stream, dz, rows, columns, db);
}

SPRAT_ISA_END
