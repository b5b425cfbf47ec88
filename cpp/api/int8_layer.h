// A layer of an int8 network: checked, packed, and run on rows of real numbers.
#pragma once

#include <cstddef>

#include "core/align.h"
#include "kernels/table.h"
#include "sprat/sprat.h"

namespace sprat {

sprat_status check_int8_layer(const sprat_int8_layer& layer, int64_t index);

// Copies what it needs of the layer.
class Int8Layer {
 public:
  [[nodiscard]] bool pack(const sprat_int8_layer& layer);  // false: there was no memory

  int64_t in_features() const { return native_.k; }
  int64_t out_features() const { return native_.n; }

  // y (rows, out_features) for x (rows, in_features); q has room for rows * int8_row_stride(in_features) bytes, scales
  // and zero_points for one number a row. y may be x.
  void run(const KernelTable& kernels, const float* x, int64_t rows, uint8_t* q, float* scales, int32_t* zero_points,
           float* y) const;

 private:
  LinearInt8 native_{};
  int32_t activation_ = 0;
  bool is_identity_ = false;  // the activation
  bool is_static_ = false;
  float input_scale_ = 1;
  int32_t input_zero_point_ = 0;
  AlignedBuffer<int8_t> weight_;
  AlignedBuffer<int32_t> weight_sums_;
  AlignedBuffer<float> numbers_;  // weight scales, then biases
};

}  // namespace sprat
