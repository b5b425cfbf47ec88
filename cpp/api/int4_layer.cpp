// A layer of int4 weights, with a scale for each group of inputs, on uint8 codes: integer products, exact in each
// group.
#include <algorithm>

#include "api/integer_layer.h"
#include "core/align.h"
#include "kernels/linear_int4.h"

namespace sprat {
namespace {

class Int4Layer final : public IntegerLayer {
 public:
  Int4Layer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : IntegerLayer(layer, kernels), int4_(*kernels.linear_int4) {}

  bool pack(const sprat_packed_layer& layer) {
    const int64_t k = in_features(), n = out_features(), padded = round_up(n, kInt8Panel);
    const int64_t of_groups = padded * int4_groups(k, layer.group_size);
    if (!weight_.allocate(int4_packed_size(k, n)) || !scales_.allocate(of_groups) || !sums_.allocate(of_groups) ||
        !bias_.allocate(padded)) {
      return false;
    }
    int4_.pack(static_cast<const uint8_t*>(layer.weight), layer.weight_scales, k, n, layer.group_size, weight_.data(),
               scales_.data(), sums_.data());
    layer_ = {k, n, layer.group_size, weight_.data(), scales_.data(), sums_.data()};
    bias_.fill_zero();
    if (layer.bias) std::copy_n(layer.bias, n, bias_.data());
    to_reals_ = {codes_.is_static, codes_.zero_point, codes_.scale, bias_.data(), floor()};
    return true;
  }

  const char* kernel(int64_t /*rows*/) const override {
    return "four products of bytes in each lane, a sum for each group of inputs";
  }

  bool precede(const InputCodes* next) override {
    if (!reaches(next)) return true;
    const int64_t n = out_features(), padded = round_up(n, kInt8Panel);
    if (!code_biases_.allocate(padded)) return false;
    const float scale =
        int4_.to_codes(bias_.data(), n, codes_.scale, next->scale, next->zero_point, code_biases_.data());
    to_codes_ = {true, codes_.zero_point, scale, code_biases_.data(), floor_of(*next)};
    return true;
  }
  bool writes(Form out, Form /*in*/) const override { return out == Form::kCodes && !code_biases_.empty(); }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    const auto* x = static_cast<const uint8_t*>(in.data);
    if (out.form == Form::kCodes) {
      int4_.multiply_to_codes(layer_, to_codes_, x, rows, static_cast<uint8_t*>(out.data));
      return true;
    }
    auto* y = static_cast<float*>(out.data);
    int4_.multiply(layer_, to_reals_, {x, in.scales, in.zero_points}, rows, y);
    finish(y, rows * out_features());
    return true;
  }

 private:
  const LinearInt4Kernels& int4_;
  LinearInt4 layer_{};
  Int4Epilogue to_reals_{}, to_codes_{};
  AlignedBuffer<uint8_t> weight_;
  AlignedBuffer<float> scales_, bias_, code_biases_;
  AlignedBuffer<int32_t> sums_;
};

}  // namespace

std::unique_ptr<PackedLayer> pack_int4_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  auto packed = std::make_unique<Int4Layer>(layer, kernels);
  return packed->pack(layer) ? std::move(packed) : nullptr;
}

}  // namespace sprat
