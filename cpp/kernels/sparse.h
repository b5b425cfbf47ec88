// y = act(x weight^T + bias) with a sparse weight: float32, zeros left out.
//
// Each output is one ascending chain of fused multiply-adds over the inputs whose weights are not zero, from +0: the
// chain of a dense product (kernels/linear.h) without the links that change nothing. A weight that is left out never
// meets its input, be that infinite.
//
// A sum of negative products that all underflow is -0, and a link of weight 0 may make it +0. Kernels have such links
// in different places, so no bias here is -0: adding +0 leaves one zero.
//
// act is max(floor, .): a floor of 0 is relu, and one of -infinity the identity.
#pragma once

#include <cstdint>

namespace sprat {

// Outputs of a panel, on every instruction set.
inline constexpr int64_t kSparsePanel = 16;
// Steps that share a window.
inline constexpr int64_t kSparseSteps = 2;
// Panels with the same number of groups.
inline constexpr int64_t kSparseTogether = 4;
// Inputs of a window of steps (simd/window.h).
inline constexpr int64_t kSparseWindow = 32;
// Inputs of a window of lists: two panels of AVX-512 take 256 bytes of an input.
inline constexpr int64_t kListWindow = 128;
// Rows that are multiplied at once, for which multiply_steps needs memory.
inline constexpr int64_t kSparseRows = 8;

// For few rows, outputs as lanes. A group is kSparseSteps steps that look into the same window of inputs; in a step
// each of 16 lanes makes the next multiply-add of its output, if its input lies in the window. Otherwise it waits: its
// weight is 0. Windows begin at multiples of 16, at the earliest input that any lane waits for.
struct SparseSteps {
  int64_t k, n;
  const float* weights;    // (groups, kSparseSteps, 16)
  const uint8_t* places;   // (groups, kSparseSteps, 16): in the window
  const int32_t* windows;  // (groups): first input
  const int64_t* groups;   // (panels + 1): where the groups of each panel begin
  const int32_t* outputs;  // (panels, 16): the output of each lane, -1 for none; NULL: in order
  const float* bias;       // (panels, 16)
};

// Floats that multiply_steps needs for a row of x.
inline constexpr int64_t sparse_row_size(int64_t k) { return (k + 15) / 16 * 16 + kSparseWindow; }

// For batches in panels (kernels/batch.h), rows as lanes. The inputs are cut into windows, so that what is read of a
// panel stays in the first-level cache while all outputs pass by; between windows the sums wait in the output. A
// segment is what one output has in one window. Within a window segments ascend in length, so that the processor
// foresees where they end.
struct SparseLists {
  int64_t k, n, windows;
  const float* weights;    // of all segments
  const int32_t* inputs;   // of each weight, ascending in a segment
  const int64_t* begins;   // (windows * n + 1)
  const int32_t* outputs;  // (windows, n)
  const float* bias;       // (n)
};

// Blocks of 16 consecutive outputs by one input, kept where any of the 16 weights is not zero.
struct SparseBlocks {
  int64_t k, n;
  const float* weights;   // (blocks, 16)
  const int32_t* inputs;  // of each block, ascending in a panel
  const int64_t* begins;  // (panels + 1)
  const float* bias;      // (panels, 16)
};

struct SparseKernels {
  // From how many rows on a batch in panels is faster than steps, turning it into panels included.
  int64_t rows_in_panels;
  // Row-major x (rows, k) and y (rows, n). memory: kSparseRows * sparse_row_size(k) floats, 64-byte aligned.
  void (*multiply_steps)(const SparseSteps& weight, const float* x, int64_t rows, float floor, float* memory, float* y);
  // Panels of float32.
  void (*multiply_lists)(const SparseLists& weight, const float* x, int64_t rows, float floor, float* y);
  // Row-major.
  void (*multiply_blocks)(const SparseBlocks& weight, const float* x, int64_t rows, float floor, float* y);
};

}  // namespace sprat
