#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/predictor.h"

namespace sprat::bindings {
namespace {

// (weights, zeros, input, activation), (weight, weight_scale or None, bias or None), (in_features, group_size),
// (input_scale, input_zero_point)
using LayerTuple =
    std::tuple<std::tuple<std::string, std::string, std::string, std::string>,
               std::tuple<nb::object, nb::object, nb::object>, std::tuple<int64_t, int64_t>, std::tuple<double, int>>;

struct Format {
  const char* name;
  Dtype dtype;  // of the array
};
// By sprat_weights. Two bytes are handed over as such: NumPy has no bfloat16.
constexpr Format kFormats[] = {{"float32", Dtype::kFloat32},
                               {"float16", Dtype::kUint16},
                               {"bfloat16", Dtype::kUint16},
                               {"int8", Dtype::kInt8},
                               {"int4", Dtype::kUint8}};
constexpr const char* kZeros[] = {"dense", "unstructured", "blocks"};          // by sprat_zeros
constexpr const char* kInputs[] = {"float", "static", "dynamic", "bfloat16"};  // by sprat_input

template <size_t N, class Name>
int32_t place_of(const std::string& argument, const std::string& wanted, const Name (&list)[N]) {
  for (size_t i = 0; i < N; ++i) {
    const char* name;
    if constexpr (std::is_same_v<Name, Format>) {
      name = list[i].name;
    } else {
      name = list[i];
    }
    if (wanted == name) return static_cast<int32_t>(i);
  }
  throw nb::value_error((argument + ": there is no '" + wanted + "'").c_str());
}

// The arrays of one layer, and the layer that points into them.
struct Layer {
  Layer(const LayerTuple& tuple, size_t index)
      : name("layers[" + std::to_string(index) + "]"),
        weight_name(name + ".weight"),
        scale_name(name + ".weight_scale"),
        bias_name(name + ".bias"),
        weight(weight_name.c_str(), std::get<0>(std::get<1>(tuple)), kRead),
        scale(optional_array(scale_name.c_str(), std::get<1>(std::get<1>(tuple)), kRead)),
        bias(optional_array(bias_name.c_str(), std::get<2>(std::get<1>(tuple)), kRead)) {
    const auto& [weights, zeros, input, activation] = std::get<0>(tuple);
    const auto& [in_features, group_size] = std::get<2>(tuple);
    const auto& [input_scale, input_zero_point] = std::get<3>(tuple);
    native.size = sizeof native;
    native.in_features = in_features;
    native.weights = place_of(name + ".weights", weights, kFormats);
    native.zeros = place_of(name + ".zeros", zeros, kZeros);
    native.input = place_of(name + ".input", input, kInputs);
    native.activation = find_by_name(&sprat_activation_find, name + ".activation", activation);
    native.group_size = group_size;
    native.input_scale = static_cast<float>(input_scale);
    native.input_zero_point = input_zero_point;
    take_arrays();
  }

  void take_arrays() {
    const bool is_int4 = native.weights == SPRAT_WEIGHTS_INT4;
    weight.want_dtype(uint32_t(kFormats[native.weights].dtype)).want_ndim(2);
    const int64_t out_features = native.out_features = weight.shape(0);
    weight.want_shape({out_features, is_int4 ? (native.in_features + 1) / 2 : native.in_features});
    if (scale) {
      scale->want_dtype(uint32_t(Dtype::kFloat32));
      if (is_int4 && native.group_size > 0 && native.in_features > 0) {
        scale->want_shape({out_features, (native.in_features - 1) / native.group_size + 1});
      } else {
        scale->want_shape({out_features});
      }
    }
    if (bias) bias->want_dtype(uint32_t(Dtype::kFloat32)).want_shape({out_features});
    native.weight = weight.data();
    native.weight_scales = static_cast<const float*>(data_or_null(scale));
    native.bias = static_cast<const float*>(data_or_null(bias));
  }

  std::string name, weight_name, scale_name, bias_name;  // Array keeps a pointer to its name
  Array weight;
  std::optional<Array> scale, bias;
  sprat_packed_layer native{};
};

std::unique_ptr<Predictor> predictor_packed(const std::vector<LayerTuple>& tuples) {
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<sprat_packed_layer> natives;
  for (const LayerTuple& tuple : tuples) {
    layers.push_back(std::make_unique<Layer>(tuple, layers.size()));
    natives.push_back(layers.back()->native);
  }
  sprat_predictor* predictor = nullptr;
  check(sprat_predictor_create_packed(natives.data(), static_cast<int64_t>(natives.size()), &predictor));
  return std::make_unique<Predictor>(predictor);
}

}  // namespace

void bind_packed(nb::module_& m) {
  m.def("predictor_packed", &predictor_packed, nb::arg("layers"),
        "A predictor whose layers have a number format of their own. Layers are ((weights, zeros, input, activation), "
        "(weight, weight_scale or None, bias or None), (in_features, group_size), (input_scale, input_zero_point)); "
        "weight is (out, in): float32, int8, uint16 for float16 and bfloat16, uint8 pairs for int4.");
}

}  // namespace sprat::bindings
