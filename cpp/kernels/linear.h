// Products of a linear layer: C[m, n] = sum_k A(m, k) B(k, n).
//
// A is read where it lies, through two strides. B lies in panels, each as wide as a register tile, k after k; what is
// packed so may be a weight, rows of inputs, or a batch whose rows are the columns of B (kernels/batch.h). README.md
// tells which product of a layer takes what.
//
// Order of sums, fixed by the shape alone: k ascends by fused multiply-add from zero, so an input that is exactly zero
// can be left out without changing a bit (prune.remove_dead relies on it). Where k counts rows of a batch, of which
// there may be many, it does so within blocks of kReduceBlock, and block sums are added in order. Neither the tile nor
// the number of rows, threads or lanes takes part, nor which factor is A: every instruction set and every way gives the
// same bits.
#pragma once

#include <cstdint>

namespace sprat {

inline constexpr int64_t kReduceBlock = 512;

// Strides count elements.
struct Matrix {
  const void* data;
  int64_t row_stride, column_stride;
};

// What becomes of a sum, in registers, after bias and block sums are added.
enum class Epilogue {
  kStore,
  kRelu,         // max(0, sum)
  kReluGradient  // sum * relu'(gate): gate is an output of relu
};

struct LinearProduct {
  Matrix a;       // rows x k
  const void* b;  // k x n in panels
  int64_t k, n;
  void* c;           // rows x n
  int64_t c_stride;  // from row to row
  // 0: C is row-major, and the last panel of B holds as few registers as its columns need. Else C lies in panels this
  // far apart, and every panel of B and C has its whole width in memory (what lies beyond n is of no interest).
  int64_t c_panel_stride = 0;
  const void* bias = nullptr;  // added after the sum: one for each row if C lies in panels, else one for each column
  Epilogue epilogue = Epilogue::kStore;
  const void* gate = nullptr;  // laid out like C, which lies in panels
  int64_t block = 0;           // values of k in a block; 0: all of them
  // 0: A is one matrix. Else its columns come in segments: column k lies at (k / segment) * segment_stride +
  // (k % segment) * a.column_stride. Blocks begin where segments do.
  int64_t segment = 0, segment_stride = 0;
};

// For one dtype.
struct LinearKernel {
  int64_t panel_columns;  // the width of a whole panel
  int64_t max_rows;       // of a register tile: ranges of rows are best cut at its multiples

  // Elements that B (k x n) takes when packed.
  int64_t (*packed_size)(int64_t k, int64_t n);
  // Lays panels [panel_begin, panel_end) of B down at packed (64-byte aligned, packed_size elements), columns beyond n
  // as zeros. One of the strides of B must be 1.
  void (*pack)(const Matrix& b, int64_t k, int64_t n, int64_t panel_begin, int64_t panel_end, void* packed);
  // Rows [row_begin, row_end) of panels [panel_begin, panel_end) of C.
  void (*multiply)(const LinearProduct& product, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                   int64_t panel_end);
};

struct LinearKernels {
  LinearKernel of[2];  // by sprat_dtype: float32, float64
};

}  // namespace sprat
