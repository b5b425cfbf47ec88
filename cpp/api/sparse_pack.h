// Sparse weights laid out for their kernels (kernels/sparse.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/align.h"
#include "kernels/sparse.h"

namespace sprat {

// weight (n, k), row-major, and bias (n), or NULL. What is equal to zero is left out.
struct WeightMatrix {
  const float* weight;
  const float* bias;
  int64_t k, n;

  float at(int64_t output, int64_t input) const { return weight[output * k + input]; }
};

// Each keeps the arrays to which `packed` points. pack() answers false where there is no memory, or throws
// std::bad_alloc.
class PackedSteps {
 public:
  [[nodiscard]] bool pack(const WeightMatrix& weight);
  const SparseSteps& packed() const { return packed_; }

 private:
  SparseSteps packed_{};
  AlignedBuffer<float> weights_, bias_;
  AlignedBuffer<uint8_t> places_;
  std::vector<int32_t> windows_, outputs_;
  std::vector<int64_t> groups_;
};

class PackedLists {
 public:
  [[nodiscard]] bool pack(const WeightMatrix& weight);
  const SparseLists& packed() const { return packed_; }

 private:
  SparseLists packed_{};
  AlignedBuffer<float> weights_;
  std::vector<int32_t> inputs_, outputs_;
  std::vector<int64_t> begins_;
  std::vector<float> bias_;
};

class PackedBlocks {
 public:
  [[nodiscard]] bool pack(const WeightMatrix& weight);
  const SparseBlocks& packed() const { return packed_; }

 private:
  SparseBlocks packed_{};
  AlignedBuffer<float> weights_, bias_;
  std::vector<int32_t> inputs_;
  std::vector<int64_t> begins_;
};

}  // namespace sprat
