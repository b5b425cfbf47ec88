// The predictor of packed networks on the device: a chain of layers. Real numbers lie in rows between two of them, or,
// where both inputs are static and the activation is a bound at most, the codes that the next one reads.
//
// Weights are laid out on the host and copied at once. Numbers of two bytes are widened to float32, and zeros are
// multiplied as other numbers are: the bits are the same, for finite inputs, and a GPU has no use for less work that is
// not the same for all.
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "api/mlp.h"
#include "api/packed_checks.h"
#include "core/round_up.h"
#include "cuda/integer.h"
#include "cuda/predictor.h"
#include "cuda/product.h"
#include "cuda/scratch.h"

namespace sprat::cuda {
namespace {

constexpr int64_t kDeviceAlignment = 256;

// Arrays of the device one behind the other, with what the host has to put there.
class Image {
 public:
  // Room for `bytes`, zeros; the place counts from the beginning.
  int64_t room(int64_t bytes) {
    const auto place = static_cast<int64_t>(bytes_.size());
    bytes_.resize(bytes_.size() + static_cast<size_t>(round_up(bytes, kDeviceAlignment)));
    return place;
  }
  int64_t put(const void* data, int64_t bytes) {
    const int64_t place = room(bytes);
    std::memcpy(at(place), data, static_cast<size_t>(bytes));
    return place;
  }
  char* at(int64_t place) { return bytes_.data() + place; }

  sprat_status copy_to(DeviceMemory& memory, void* stream) const {
    const auto size = static_cast<int64_t>(bytes_.size());
    SPRAT_RETURN_IF_REFUSED(memory.allocate(std::max<int64_t>(size, 1)));
    return sprat_cuda_copy(memory.data(), bytes_.data(), size, stream);
  }

 private:
  std::vector<char> bytes_;
};

// Places in the image; -1: nothing.
struct Places {
  int64_t weight, half_weight = -1, weight_scales = -1, bias = -1, sums = -1;
  int64_t scales = -1, biases = -1, code_scales = -1, code_biases = -1;
};

struct Layer {
  sprat_packed_layer form;  // its arrays are the caller's, and not read after packing
  ActivationClass activation;
  Places places;
  const float* weight = nullptr;  // of real numbers
  const float* bias = nullptr;
  IntegerLayer integers{};

  bool is_integer() const { return form.weights == SPRAT_WEIGHTS_INT8 || form.weights == SPRAT_WEIGHTS_INT4; }
  InputNumbers input() const { return {form.input == SPRAT_INPUT_STATIC, form.input_scale, form.input_zero_point}; }
  // max(floor, .) is the whole of relu and of the identity.
  float floor() const { return activation == ActivationClass::kRelu ? 0.0f : -std::numeric_limits<float>::infinity(); }
  // Whether the next layer's codes follow from the sums without real numbers between.
  bool reaches(const Layer& next) const {
    return is_integer() && next.is_integer() && input().is_static && next.input().is_static &&
           activation != ActivationClass::kOther;
  }
};

int64_t int4_at(const uint8_t* row, int64_t i) {
  const int half = row[i / 2] >> (i % 2 * 4) & 15;
  return half < 8 ? half : half - 16;
}

class PackedPredictor final : public sprat_cuda_predictor {
 public:
  sprat_status pack(const sprat_packed_layer* layers, int64_t num_layers, void* stream) {
    in_features = layers[0].in_features;
    out_features = layers[num_layers - 1].out_features;
    Image image;
    for (int64_t l = 0; l < num_layers; ++l) {
      layers_.push_back({layers[l], activation_class(layers[l].activation), {}});
      put(layers_.back(), image);
      widest_ = std::max({widest_, layers[l].in_features, layers[l].out_features});
    }
    SPRAT_RETURN_IF_REFUSED(image.copy_to(memory_, stream));
    for (size_t l = 0; l < layers_.size(); ++l) SPRAT_RETURN_IF_REFUSED(finish(l, stream));
    return sprat_cuda_synchronize(stream);
  }

  sprat_status run(const void* x, int64_t rows, void* out, void* stream) const override {
    const int64_t reals = round_up(rows * widest_ * static_cast<int64_t>(sizeof(float)), kDeviceAlignment);
    const int64_t codes = round_up(rows * code_stride(widest_), kDeviceAlignment);
    const int64_t numbers = round_up(rows * 4, kDeviceAlignment);
    Scratch scratch(stream);
    SPRAT_RETURN_IF_REFUSED(scratch.allocate(3 * reals + 2 * codes + 2 * numbers));
    char* at = scratch.as<char>();
    auto* const totals = reinterpret_cast<float*>(at + 2 * reals);
    char* const code_memory = at + 3 * reals;
    auto* const scales = reinterpret_cast<float*>(code_memory + 2 * codes);
    auto* const zero_points = reinterpret_cast<int32_t*>(code_memory + 2 * codes + numbers);

    const auto* real = static_cast<const float*>(x);
    const int8_t* code = nullptr;
    for (size_t l = 0; l < layers_.size(); ++l) {
      const Layer& layer = layers_[l];
      const bool is_last = l + 1 == layers_.size();
      auto* y = is_last ? static_cast<float*>(out) : reinterpret_cast<float*>(at + static_cast<int64_t>(l % 2) * reals);
      auto* const codes_here = reinterpret_cast<int8_t*>(code_memory + static_cast<int64_t>(l % 2) * codes);
      auto* const codes_next = reinterpret_cast<int8_t*>(code_memory + static_cast<int64_t>((l + 1) % 2) * codes);
      if (!layer.is_integer()) {
        SPRAT_RETURN_IF_REFUSED(multiply_reals(layer, real, rows, y, stream));
        real = y;
        continue;
      }
      const bool is_static = layer.input().is_static;
      if (!code) {
        SPRAT_RETURN_IF_REFUSED(
            quantize_rows(layer.input(), real, rows, layer.form.in_features, codes_here, scales, zero_points, stream));
        code = codes_here;
      }
      const Codes in{code, is_static ? nullptr : scales, is_static ? nullptr : zero_points};
      if (!is_last && layer.reaches(layers_[l + 1])) {
        const auto zero = static_cast<float>(layers_[l + 1].form.input_zero_point);
        const float floor = layer.activation == ActivationClass::kRelu ? zero : 0.0f;
        SPRAT_RETURN_IF_REFUSED(multiply_to_codes(layer.integers, in, rows, floor, codes_next, totals, stream));
        code = codes_next;
      } else {
        SPRAT_RETURN_IF_REFUSED(multiply_to_reals(layer.integers, in, rows, layer.floor(), y, totals, stream));
        SPRAT_RETURN_IF_REFUSED(activate(layer, y, rows, stream));
        real = y;
        code = nullptr;
      }
    }
    return SPRAT_OK;
  }

 private:
  static sprat_status multiply_reals(const Layer& layer, const float* x, int64_t rows, float* y, void* stream) {
    Product<float> product{x, layer.weight, y, rows, layer.form.out_features, layer.form.in_features};
    product.bias = layer.bias;
    product.relu = layer.activation == ActivationClass::kRelu;
    SPRAT_RETURN_IF_REFUSED(multiply(ProductForm::kForward, product, stream));
    return activate(layer, y, rows, stream);
  }

  // y = activation(y) where a floor was not the whole of it.
  static sprat_status activate(const Layer& layer, float* y, int64_t rows, void* stream) {
    if (layer.activation != ActivationClass::kOther) return SPRAT_OK;
    return sprat_cuda_activation_forward(layer.form.activation, SPRAT_FLOAT32, y, y, rows * layer.form.out_features,
                                         stream);
  }

  static void put(Layer& layer, Image& image) {
    const sprat_packed_layer& form = layer.form;
    Places& places = layer.places;
    const int64_t k = form.in_features, n = form.out_features, float_size = sizeof(float);
    if (form.bias) places.bias = image.put(form.bias, n * float_size);
    if (!layer.is_integer()) {
      if (form.weights == SPRAT_WEIGHTS_FLOAT32) {
        places.weight = image.put(form.weight, n * k * float_size);
      } else {
        places.weight = image.room(n * k * float_size);
        places.half_weight = image.put(form.weight, n * k * 2);
      }
      return;
    }
    layer.integers.k = k;
    layer.integers.n = n;
    layer.integers.group_size = form.group_size;
    layer.integers.zero_point = form.input_zero_point;
    const int64_t groups = layer.integers.groups(), stride = code_stride(k);
    places.weight = image.room(n * stride);
    for (int64_t row = 0; row < n; ++row) put_row(form, row, image.at(places.weight) + row * stride);
    places.weight_scales = image.put(form.weight_scales, n * groups * float_size);
    places.sums = image.room(n * groups * 4);
    places.scales = image.room(n * float_size);
    places.biases = image.room(n * float_size);
    places.code_scales = image.room(n * float_size);
    places.code_biases = image.room(n * float_size);
  }

  static void put_row(const sprat_packed_layer& form, int64_t row, char* to) {
    const int64_t k = form.in_features;
    if (form.weights == SPRAT_WEIGHTS_INT8) {
      std::memcpy(to, static_cast<const int8_t*>(form.weight) + row * k, static_cast<size_t>(k));
      return;
    }
    const auto* from = static_cast<const uint8_t*>(form.weight) + row * ((k + 1) / 2);
    for (int64_t i = 0; i < k; ++i) to[i] = static_cast<char>(int4_at(from, i));
  }

  template <class T>
  T* array(int64_t place) const {
    return place < 0 ? nullptr : reinterpret_cast<T*>(memory_.data() + place);
  }

  // Addresses, and what the device computes from the weights.
  sprat_status finish(size_t l, void* stream) {
    Layer& layer = layers_[l];
    const Places& places = layer.places;
    layer.form.weight = nullptr;
    layer.form.weight_scales = layer.form.bias = nullptr;
    layer.bias = array<float>(places.bias);
    if (!layer.is_integer()) {
      layer.weight = array<float>(places.weight);
      if (places.half_weight < 0) return SPRAT_OK;
      return widen(layer.form.weights == SPRAT_WEIGHTS_BFLOAT16, array<uint16_t>(places.half_weight),
                   array<float>(places.weight), layer.form.in_features * layer.form.out_features, stream);
    }
    IntegerLayer& integers = layer.integers;
    integers.weight = array<int8_t>(places.weight);
    integers.weight_scales = array<float>(places.weight_scales);
    integers.bias = layer.bias;
    integers.weight_sums = array<int32_t>(places.sums);
    integers.reals = {array<float>(places.scales), array<float>(places.biases)};
    integers.codes = {array<float>(places.code_scales), array<float>(places.code_biases)};
    const bool reaches = l + 1 < layers_.size() && layer.reaches(layers_[l + 1]);
    const InputNumbers next = reaches ? layers_[l + 1].input() : InputNumbers{};
    return prepare(integers, layer.input(), reaches ? &next : nullptr, stream);
  }

  std::vector<Layer> layers_;
  int64_t widest_ = 0;
  DeviceMemory memory_;
};

}  // namespace
}  // namespace sprat::cuda

using namespace sprat;

sprat_status sprat_cuda_predictor_create_packed(const sprat_packed_layer* layers, int64_t num_layers, void* stream,
                                                sprat_cuda_predictor** predictor) noexcept {
  SPRAT_REQUIRE(predictor, "predictor must not be NULL");
  SPRAT_RETURN_IF_REFUSED(check_packed_layers(layers, num_layers));
  for (int64_t l = 0; l < num_layers; ++l) {
    if (layers[l].input != SPRAT_INPUT_BFLOAT16) continue;
    return refuse(SPRAT_UNSUPPORTED, "layers[%lld].input: products of bfloat16 are not offered on CUDA devices",
                  shown(l));
  }
  try {
    auto made = std::make_unique<cuda::PackedPredictor>();
    SPRAT_RETURN_IF_REFUSED(made->pack(layers, num_layers, stream));
    *predictor = made.release();
  } catch (const std::bad_alloc&) {
    return refuse(SPRAT_OUT_OF_MEMORY, "predictor: no memory");
  }
  return SPRAT_OK;
}
