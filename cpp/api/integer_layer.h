// What layers of integer weights share: their input is uint8 codes, and they may leave the next layer's.
#pragma once

#include "api/packed_layer.h"

namespace sprat {

class IntegerLayer : public PackedLayer {
 public:
  Form reads(int64_t /*rows*/) const override { return Form::kCodes; }
  const InputCodes* codes() const override { return &codes_; }

 protected:
  IntegerLayer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : PackedLayer(layer, kernels),
        codes_{layer.input == SPRAT_INPUT_STATIC, layer.input_scale, layer.input_zero_point} {}

  // Whether the next layer's codes follow from the sums without real numbers between: both scales are known before, and
  // the floor is the whole activation.
  bool reaches(const InputCodes* next) const {
    return next && next->is_static && codes_.is_static && activation() != ActivationClass::kOther;
  }
  // The floor among these codes: that of relu's 0, or the least there is.
  float floor_of(const InputCodes& next) const {
    return activation() == ActivationClass::kRelu ? static_cast<float>(next.zero_point) : 0.0f;
  }

  const InputCodes codes_;
};

}  // namespace sprat
