#include <nanobind/stl/optional.h>
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

// (weight, weight_scale, bias or None, activation, (input_scale, input_zero_point) or None)
using LayerTuple = std::tuple<nb::object, nb::object, nb::object, std::string, std::optional<std::tuple<double, int>>>;

// The arrays of one layer, and the layer that points into them.
struct Layer {
  Layer(const LayerTuple& tuple, size_t index)
      : name("layers[" + std::to_string(index) + "]"),
        weight_name(name + ".weight"),
        scale_name(name + ".weight_scale"),
        bias_name(name + ".bias"),
        weight(weight_name.c_str(), std::get<0>(tuple), kRead),
        scale(scale_name.c_str(), std::get<1>(tuple), kRead),
        bias(optional_array(bias_name.c_str(), std::get<2>(tuple), kRead)) {
    weight.want_dtype(uint32_t(Dtype::kInt8)).want_ndim(2);
    const int64_t out_features = weight.shape(0);
    scale.want_dtype(uint32_t(Dtype::kFloat32)).want_shape({out_features});
    if (bias) bias->want_dtype(uint32_t(Dtype::kFloat32)).want_shape({out_features});
    const int32_t activation = find_by_name(&sprat_activation_find, name + ".activation", std::get<3>(tuple));
    const auto& input = std::get<4>(tuple);
    native = {sizeof native,
              weight.shape(1),
              out_features,
              static_cast<const int8_t*>(weight.data()),
              static_cast<const float*>(scale.data()),
              static_cast<const float*>(data_or_null(bias)),
              activation,
              input.has_value(),
              input ? static_cast<float>(std::get<0>(*input)) : 1.0f,
              input ? std::get<1>(*input) : 0};
  }

  std::string name, weight_name, scale_name, bias_name;  // Array keeps a pointer to its name
  Array weight, scale;
  std::optional<Array> bias;
  sprat_int8_layer native{};
};

std::unique_ptr<Predictor> predictor_int8(const std::vector<LayerTuple>& tuples) {
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<sprat_int8_layer> natives;
  for (const LayerTuple& tuple : tuples) {
    layers.push_back(std::make_unique<Layer>(tuple, layers.size()));
    natives.push_back(layers.back()->native);
  }
  sprat_predictor* predictor = nullptr;
  check(sprat_predictor_create_int8(natives.data(), static_cast<int64_t>(natives.size()), &predictor));
  return std::make_unique<Predictor>(predictor);
}

}  // namespace

void bind_int8(nb::module_& m) {
  m.def("predictor_int8", &predictor_int8, nb::arg("layers"),
        "A predictor that multiplies integers. Layers are (weight int8 (out, in), weight_scale, bias or None, "
        "activation, "
        "(input_scale, input_zero_point) or None: dynamic).");
}

}  // namespace sprat::bindings
