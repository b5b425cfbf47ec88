// A layer of int8 weights on uint8 codes: integer products with exact sums. Where its input and the next one's are
// static, and the activation is a bound at most, it leaves the next layer's codes and no real number is stored between.
#include <algorithm>

#include "api/integer_layer.h"
#include "core/align.h"
#include "kernels/linear_int8.h"

namespace sprat {
namespace {

class Int8Layer final : public IntegerLayer {
 public:
  Int8Layer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : IntegerLayer(layer, kernels), int8_(*kernels.linear_int8) {}

  bool pack(const sprat_packed_layer& layer) {
    const int64_t n = out_features(), padded = round_up(n, kInt8Panel);
    if (!sums_.allocate(2 * padded) || !numbers_.allocate(2 * padded) || !weight_scales_.allocate(n) ||
        !bias_.allocate(layer.bias ? n : 0)) {
      return false;
    }
    const auto* weight = static_cast<const int8_t*>(layer.weight);
    if (!(layer.zeros == SPRAT_ZEROS_BLOCKS ? pack_present(weight) : pack_all(weight))) return false;
    std::copy_n(layer.weight_scales, n, weight_scales_.data());
    if (layer.bias) std::copy_n(layer.bias, n, bias_.data());

    float* scales = numbers_.data();
    int8_.to_reals(weight_scales_.data(), bias(), n, codes_.is_static ? codes_.scale : 1.0f, scales, scales + padded);
    if (codes_.is_static) int8_.start_sums(sums_.data(), n, codes_.zero_point, sums_.data() + padded);
    to_reals_ = {codes_.is_static ? sums_.data() + padded : nullptr, scales, scales + padded, floor()};
    return true;
  }

  const char* kernel(int64_t /*rows*/) const override {
    return "four products of bytes in each lane, outputs are the lanes";
  }

  bool precede(const InputCodes* next) override {
    if (!reaches(next)) return true;
    const int64_t n = out_features(), padded = round_up(n, kInt8Panel);
    if (!code_numbers_.allocate(2 * padded)) return false;
    float* scales = code_numbers_.data();
    int8_.to_codes(weight_scales_.data(), bias(), n, codes_.scale, next->scale, next->zero_point, scales,
                   scales + padded);
    to_codes_ = {to_reals_.start, scales, scales + padded, floor_of(*next)};
    return true;
  }
  bool writes(Form out, Form /*in*/) const override { return out == Form::kCodes && !code_numbers_.empty(); }

  bool run(const Activations& in, int64_t rows, const Activations& out) const override {
    const auto* x = static_cast<const uint8_t*>(in.data);
    if (out.form == Form::kCodes) {
      int8_.multiply_to_codes(layer_, to_codes_, x, rows, static_cast<uint8_t*>(out.data));
      return true;
    }
    auto* y = static_cast<float*>(out.data);
    int8_.multiply(layer_, to_reals_, {x, in.scales, in.zero_points}, rows, y);
    finish(y, rows * out_features());
    return true;
  }

 private:
  const float* bias() const { return bias_.empty() ? nullptr : bias_.data(); }

  bool pack_all(const int8_t* weight) {
    const int64_t k = in_features(), n = out_features();
    if (!weight_.allocate(int8_packed_size(k, n))) return false;
    int8_.pack(weight, k, n, weight_.data(), sums_.data());
    layer_ = {k, n, weight_.data(), sums_.data(), nullptr, nullptr};
    return true;
  }

  bool pack_present(const int8_t* weight) {
    const int64_t k = in_features(), n = out_features();
    if (!panel_begin_.allocate(round_up(n, kInt8Panel) / kInt8Panel + 1)) return false;
    const int64_t fours = int8_.count_present(weight, k, n, panel_begin_.data());
    if (!weight_.allocate(fours * kInt8Panel * kInt8Four) || !present_.allocate(fours)) return false;
    int8_.pack_present(weight, k, n, weight_.data(), present_.data(), sums_.data());
    layer_ = {k, n, weight_.data(), sums_.data(), panel_begin_.data(), present_.data()};
    return true;
  }

  const LinearInt8Kernels& int8_;
  LinearInt8 layer_{};
  Int8Epilogue to_reals_{}, to_codes_{};
  AlignedBuffer<int8_t> weight_;
  AlignedBuffer<int64_t> panel_begin_;
  AlignedBuffer<uint16_t> present_;
  AlignedBuffer<int32_t> sums_;  // of weights, then where sums begin
  AlignedBuffer<float> weight_scales_, bias_;
  AlignedBuffer<float> numbers_, code_numbers_;  // scales, then biases, for real outputs and for codes
};

}  // namespace

std::unique_ptr<PackedLayer> pack_int8_layer(const sprat_packed_layer& layer, const KernelTable& kernels) {
  auto packed = std::make_unique<Int8Layer>(layer, kernels);
  return packed->pack(layer) ? std::move(packed) : nullptr;
}

}  // namespace sprat
