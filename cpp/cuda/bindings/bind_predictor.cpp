// Predictors: frozen networks whose weights lie on the device.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include "cuda/bindings/network.h"

namespace sprat::cuda::bindings {
namespace {

struct PredictorDeleter {
  void operator()(sprat_cuda_predictor* predictor) const { sprat_cuda_predictor_destroy(predictor); }
};

struct Predictor {
  std::unique_ptr<sprat_cuda_predictor, PredictorDeleter> handle;
};

// (weights, zeros, input, activation), addresses in host memory of (weight, weight_scales, bias), (in_features,
// out_features, group_size), (input_scale, input_zero_point)
using LayerTuple =
    std::tuple<std::tuple<std::string, std::string, std::string, std::string>, std::tuple<Address, Address, Address>,
               std::tuple<int64_t, int64_t, int64_t>, std::tuple<double, int>>;

template <size_t N>
int32_t place_of(const char* argument, const std::string& wanted, const char* const (&list)[N]) {
  for (size_t i = 0; i < N; ++i) {
    if (wanted == list[i]) return static_cast<int32_t>(i);
  }
  throw nb::value_error((std::string(argument) + ": there is no '" + wanted + "'").c_str());
}

sprat_packed_layer native_layer(const LayerTuple& tuple) {
  const auto& [names, arrays, sizes, input_numbers] = tuple;
  const auto& [weights, zeros, input, activation] = names;
  const char* const formats[] = {"float32", "float16", "bfloat16", "int8", "int4"};  // by sprat_weights
  const char* const all_zeros[] = {"dense", "unstructured", "blocks"};               // by sprat_zeros
  const char* const inputs[] = {"float", "static", "dynamic", "bfloat16"};           // by sprat_input
  sprat_packed_layer layer{};
  layer.size = sizeof layer;
  layer.in_features = std::get<0>(sizes);
  layer.out_features = std::get<1>(sizes);
  layer.group_size = std::get<2>(sizes);
  layer.weights = place_of("weights", weights, formats);
  layer.zeros = place_of("zeros", zeros, all_zeros);
  layer.input = place_of("input", input, inputs);
  layer.activation = sprat_cuda_activation_find(activation.c_str());
  layer.weight = pointer(std::get<0>(arrays));
  layer.weight_scales = pointer<const float>(std::get<1>(arrays));
  layer.bias = pointer<const float>(std::get<2>(arrays));
  layer.input_scale = static_cast<float>(std::get<0>(input_numbers));
  layer.input_zero_point = std::get<1>(input_numbers);
  return layer;
}

std::unique_ptr<Predictor> predictor_packed(const std::vector<LayerTuple>& tuples, Address stream) {
  std::vector<sprat_packed_layer> layers;
  for (const LayerTuple& tuple : tuples) layers.push_back(native_layer(tuple));
  sprat_cuda_predictor* predictor = nullptr;
  check_without_gil([&] {
    return sprat_cuda_predictor_create_packed(layers.data(), static_cast<int64_t>(layers.size()), pointer(stream),
                                              &predictor);
  });
  return std::make_unique<Predictor>(std::unique_ptr<sprat_cuda_predictor, PredictorDeleter>(predictor));
}

std::unique_ptr<Predictor> predictor_mlp(const Mlp& mlp, Address params, Address stream) {
  sprat_cuda_predictor* predictor = nullptr;
  check_without_gil(
      [&] { return sprat_cuda_predictor_create_mlp(mlp.handle.get(), pointer(params), pointer(stream), &predictor); });
  return std::make_unique<Predictor>(std::unique_ptr<sprat_cuda_predictor, PredictorDeleter>(predictor));
}

void run(const Predictor& predictor, Address x, int64_t rows, Address out, Address stream) {
  check_without_gil([&] {
    return sprat_cuda_predictor_run(predictor.handle.get(), pointer(x), rows, pointer(out), pointer(stream));
  });
}

}  // namespace

void bind_predictor(nb::module_& m) {
  nb::class_<Predictor>(m, "Predictor", "A frozen network on the device; any number of threads and streams may run it.")
      .def("run", &run, nb::arg("x"), nb::arg("rows"), nb::arg("out"), nb::arg("stream") = 0)
      .def_prop_ro("in_features", [](const Predictor& p) { return sprat_cuda_predictor_in_features(p.handle.get()); })
      .def_prop_ro("out_features", [](const Predictor& p) { return sprat_cuda_predictor_out_features(p.handle.get()); })
      .def_prop_ro("dtype", [](const Predictor& p) {
        return sprat_cuda_predictor_dtype(p.handle.get()) == SPRAT_FLOAT64 ? "float64" : "float32";
      });
  m.def("predictor_mlp", &predictor_mlp, nb::arg("mlp"), nb::arg("params"), nb::arg("stream") = 0,
        "Copies the parameters, which lie on the device.");
  m.def("predictor_packed", &predictor_packed, nb::arg("layers"), nb::arg("stream") = 0,
        "Layers are ((weights, zeros, input, activation), (weight, weight_scales, bias), (in_features, out_features, "
        "group_size), (input_scale, input_zero_point)); the arrays are addresses of host memory, 0 for none, laid out "
        "as for _core.predictor_packed.");
}

}  // namespace sprat::cuda::bindings
