// A layer of int8 weights on uint8 codes: integer products with exact sums.
#include <algorithm>

#include "api/packed_layer.h"
#include "core/align.h"
#include "kernels/linear_int8.h"

namespace sprat {
namespace {

class Int8Layer final : public PackedLayer {
 public:
  Int8Layer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : PackedLayer(layer),
        kernels_(kernels),
        codes_{layer.input == SPRAT_INPUT_STATIC, layer.input_scale, layer.input_zero_point} {}

  bool pack(const sprat_packed_layer& layer) {
    const int64_t k = in_features(), n = out_features(), padded = round_up(n, kInt8Panel);
    if (!weight_.allocate(int8_packed_size(k, n)) || !weight_sums_.allocate(padded) || !numbers_.allocate(2 * padded)) {
      return false;
    }
    kernels_.linear_int8->pack(static_cast<const int8_t*>(layer.weight), k, n, weight_.data(), weight_sums_.data());
    numbers_.fill_zero();
    std::copy_n(layer.weight_scales, n, numbers_.data());
    if (layer.bias) std::copy_n(layer.bias, n, numbers_.data() + padded);
    native_ = {k, n, weight_.data(), weight_sums_.data(), numbers_.data(), numbers_.data() + padded};
    return true;
  }

  const char* kernel(int64_t /*rows*/) const override {
    return "four products of bytes in each lane, outputs are the lanes";
  }

  Form reads(int64_t /*rows*/) const override { return Form::kCodes; }
  const InputCodes* codes() const override { return &codes_; }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    auto* y = static_cast<float*>(out.data);
    kernels_.linear_int8->multiply(native_, {static_cast<const uint8_t*>(in.data), in.scales, in.zero_points}, rows, y);
    if (activation() != ActivationClass::kIdentity) activate(kernels_, y, rows * out_features());
    return true;
  }

 private:
  const KernelTable& kernels_;
  const InputCodes codes_;
  LinearInt8 native_{};
  AlignedBuffer<int8_t> weight_;
  AlignedBuffer<int32_t> weight_sums_;
  AlignedBuffer<float> numbers_;  // weight scales, then biases
};

}  // namespace

std::unique_ptr<PackedLayer> pack_int8_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  auto packed = std::make_unique<Int8Layer>(layer, kernels);
  return packed->pack(layer) ? std::move(packed) : nullptr;
}

}  // namespace sprat
