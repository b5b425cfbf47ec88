// The matrix product of a layer, one micro-kernel for all three uses:
//
//   forward          out   = x  weight^T    C[m, n] = sum_k A(m, k) * B(k, n)   m = row,    k = input,  n = output
//   input gradient   grad_x = dz weight                                         m = row,    k = output, n = input
//   weight gradient  grad_w = dz^T x                                            m = output, k = row,    n = input
//
// A is read where it lies, through two strides. B is packed once into panels of a few registers' width.
//
// Order of sums, fixed by the shape alone: k ascends by fused multiply-add from zero, so an input that is exactly zero
// can be left out without changing a bit (prune.remove_dead relies on it). Where k counts rows, of which there may be
// many, it does so within blocks of kReduceBlock, and block sums are added in order. Neither the tile nor the number of
// rows, threads or lanes takes part, so every instruction set gives the same bits.
#pragma once

#include <cstdint>

namespace sprat {

inline constexpr int64_t kReduceBlock = 512;

// Strides count elements.
struct Matrix {
  const void* data;
  int64_t row_stride, column_stride;
};

struct LinearProduct {
  Matrix a;            // rows x k
  const void* packed;  // B (k x n), as pack() lays it out
  int64_t k, n;
  void* c;  // rows x n, every row contiguous
  int64_t c_stride;
  const void* bias;   // n values added after the sum; NULL: none
  int64_t block = 0;  // values of k in a block; 0: all of them
};

// For one dtype.
struct LinearKernel {
  int64_t panel_columns;  // the width of a whole panel; the last one holds as few registers as its columns need
  int64_t max_rows;       // of a register tile: ranges of rows are best cut at its multiples

  // Elements that B (k x n) takes when packed.
  int64_t (*packed_size)(int64_t k, int64_t n);
  // Lays panels [panel_begin, panel_end) of B down at packed (64-byte aligned, packed_size elements), columns beyond n
  // as zeros. One of the strides of B must be 1.
  void (*pack)(const Matrix& b, int64_t k, int64_t n, int64_t panel_begin, int64_t panel_end, void* packed);
  // Rows [row_begin, row_end) of panels [panel_begin, panel_end) of C.
  void (*multiply)(const LinearProduct& product, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                   int64_t panel_end);
  // out[j] = sum over rows of a(row, j) for columns [begin, end); rows ascend within blocks of kReduceBlock, block
  // sums are added in order. Wants a.column_stride == 1.
  void (*sum_rows)(const Matrix& a, int64_t rows, int64_t begin, int64_t end, void* out);
};

struct LinearKernels {
  LinearKernel of[2];  // by sprat_dtype: float32, float64
};

}  // namespace sprat
