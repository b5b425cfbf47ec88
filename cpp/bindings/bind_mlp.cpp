#include "bindings/mlp.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace sprat::bindings {
namespace {

// (in_features, out_features, activation, has_bias, dropout, weight_offset, bias_offset)
using LayerTuple = std::tuple<int64_t, int64_t, std::string, bool, double, int64_t, int64_t>;

void init_mlp(Mlp* self, const std::vector<LayerTuple>& tuples, int64_t num_params, const std::string& dtype) {
  std::vector<sprat_layer> layers;
  for (const auto& [in_features, out_features, activation, has_bias, dropout, weight_offset, bias_offset] : tuples) {
    const int32_t id = find_by_name(&sprat_activation_find, "activation", activation);
    layers.push_back(
        {sizeof(sprat_layer), in_features, out_features, weight_offset, bias_offset, dropout, id, has_bias});
  }
  if (dtype != "float32" && dtype != "float64") {
    throw nb::value_error(("dtype: wanted float32 or float64, got " + dtype).c_str());
  }
  const bool is_float = dtype == "float32";
  sprat_mlp* mlp = nullptr;
  check(sprat_mlp_create(layers.data(), static_cast<int64_t>(layers.size()), num_params,
                         is_float ? SPRAT_FLOAT32 : SPRAT_FLOAT64, &mlp));
  new (self) Mlp{std::unique_ptr<sprat_mlp, MlpDeleter>(mlp), is_float ? Dtype::kFloat32 : Dtype::kFloat64, num_params,
                 std::move(layers)};
}

void init_workspace(Workspace* self) {
  sprat_workspace* workspace = nullptr;
  check(sprat_workspace_create(&workspace));
  new (self) Workspace{std::unique_ptr<sprat_workspace, WorkspaceDeleter>(workspace)};
}

// How a pass runs, with the fake quantization of each layer's input: None, or one (scale, zero_point, quant_min,
// quant_max) or None for each layer.
struct Options {
  Options(const Mlp& mlp, nb::handle input_quant, uint64_t dropout_seed, int64_t step, int64_t first_row,
          bool without_dropout)
      : native{sizeof(sprat_mlp_options), dropout_seed, step, first_row, nullptr, without_dropout} {
    if (input_quant.is_none()) return;
    std::vector<nb::object> items;
    if (!nb::try_cast(input_quant, items)) throw nb::type_error("input_quant: wanted None or a list");
    if (items.size() != mlp.layers.size()) throw nb::value_error("input_quant: wanted one item for each layer");
    quants.resize(items.size());
    pointers.resize(items.size(), nullptr);
    for (size_t l = 0; l < items.size(); ++l) {
      if (items[l].is_none()) continue;
      std::tuple<double, int, int, int> item;
      if (!nb::try_cast(items[l], item))
        throw nb::type_error("input_quant: wanted (scale, zero_point, quant_min, quant_max) or None for each layer");
      const auto [scale, zero_point, quant_min, quant_max] = item;
      quants[l] = {sizeof(sprat_fake_quant), scale, zero_point, quant_min, quant_max};
      pointers[l] = &quants[l];
    }
    native.input_quant = pointers.data();
  }

  sprat_mlp_options native;
  std::vector<sprat_fake_quant> quants;
  std::vector<const sprat_fake_quant*> pointers;
};

void forward(const Mlp& mlp, nb::handle params_object, nb::handle x_object, int64_t layer, nb::handle out_object,
             nb::handle input_quant) {
  const Array params = mlp.params(params_object);
  const Array x = mlp.matrix("x", x_object, -1, mlp.in_features(), kRead);
  const Array out = mlp.matrix("out", out_object, x.shape(0), mlp.out_features(layer), kWrite);
  out.want_apart_from(x).want_apart_from(params);
  const Options options(mlp, input_quant, 0, 0, 0, true);
  check_without_gil([&] {
    return sprat_mlp_forward(mlp.handle.get(), params.data(), x.data(), x.shape(0), layer, &options.native, out.data());
  });
}

void forward_train(const Mlp& mlp, nb::handle params_object, nb::handle x_object, Workspace& workspace,
                   uint64_t dropout_seed, int64_t step, int64_t first_row, nb::handle input_quant,
                   bool without_dropout) {
  const Array params = mlp.params(params_object);
  const Array x = mlp.matrix("x", x_object, -1, mlp.in_features(), kRead);
  const Options options(mlp, input_quant, dropout_seed, step, first_row, without_dropout);
  check_without_gil([&] {
    return sprat_mlp_forward_train(mlp.handle.get(), params.data(), x.data(), x.shape(0), &options.native,
                                   workspace.handle.get());
  });
}

void activations(const Mlp& mlp, const Workspace& workspace, int64_t layer, nb::handle out_object) {
  const Array out = mlp.matrix("out", out_object, -1, mlp.out_features(layer), kWrite);
  if (out.size() == 0) return;
  check(sprat_workspace_activations(workspace.handle.get(), mlp.handle.get(), layer, out.shape(0), out.data()));
}

// The arrays that gradients go to and come from.
struct Gradients {
  Gradients(const Mlp& mlp, int64_t rows, nb::handle grads_object, nb::handle grad_x_object, nb::handle frozen_object,
            nb::handle hidden_object)
      : grads("grads", grads_object, kWrite),
        grad_x(optional_array("grad_x", grad_x_object, kWrite)),
        frozen(optional_array("frozen", frozen_object, kRead)) {
    const auto num_layers = static_cast<int64_t>(mlp.layers.size());
    grads.want_dtype(uint32_t(mlp.dtype)).want_shape({mlp.num_params});
    if (grad_x) grad_x->want_dtype(uint32_t(mlp.dtype)).want_shape({rows, mlp.in_features()}).want_apart_from(grads);
    if (frozen) frozen->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape({2 * num_layers});
    if (!hidden_object.is_none()) {
      hidden_pointers.resize(mlp.layers.size(), nullptr);
      for (const auto& [key, value] : nb::cast<nb::dict>(hidden_object)) {
        const auto layer = nb::cast<int64_t>(key);
        if (layer < 0 || layer >= num_layers - 1) {
          throw nb::value_error("hidden_gradients: the keys are layers before the last one");
        }
        const int64_t columns = mlp.out_features(layer);
        hidden.push_back(mlp.matrix("hidden_gradients", value, rows, columns, kRead));
        hidden_pointers[static_cast<size_t>(layer)] = hidden.back().data();
      }
    }
    native = {sizeof(sprat_mlp_gradients), grads.data(), data_or_null(grad_x),
              static_cast<const uint8_t*>(data_or_null(frozen)),
              hidden_pointers.empty() ? nullptr : hidden_pointers.data()};
  }

  Array grads;
  std::optional<Array> grad_x, frozen;
  std::vector<Array> hidden;
  std::vector<const void*> hidden_pointers;
  sprat_mlp_gradients native;
};

void backward(const Mlp& mlp, nb::handle params_object, Workspace& workspace, nb::handle grad_output_object,
              int64_t rows, nb::handle grads_object, nb::handle grad_x_object, nb::handle frozen_object,
              nb::handle hidden_object) {
  const Array params = mlp.params(params_object);
  const Array grad_output = mlp.matrix("grad_output", grad_output_object, rows, mlp.out_features(), kRead);
  const Gradients gradients(mlp, rows, grads_object, grad_x_object, frozen_object, hidden_object);
  gradients.grads.want_apart_from(params);
  check_without_gil([&] {
    return sprat_mlp_backward(mlp.handle.get(), params.data(), workspace.handle.get(), grad_output.data(), rows,
                              &gradients.native);
  });
}

double loss_and_gradients(const Mlp& mlp, nb::handle params_object, nb::handle x_object, nb::handle target_object,
                          const std::string& loss, Workspace& workspace, nb::handle grads_object,
                          double label_smoothing, double delta, nb::handle class_weight_object,
                          nb::handle pos_weight_object, nb::handle sample_weight_object, nb::handle teacher_object,
                          double temperature, double alpha, nb::handle frozen_object, uint64_t dropout_seed,
                          int64_t step, int64_t first_row, nb::handle input_quant, bool without_dropout) {
  const Array params = mlp.params(params_object);
  const Array x = mlp.matrix("x", x_object, -1, mlp.in_features(), kRead);
  const int64_t rows = x.shape(0), columns = mlp.out_features();
  const auto weights = [&](const char* name, nb::handle object, int64_t length) {
    std::optional<Array> array = optional_array(name, object, kRead);
    if (array) array->want_dtype(uint32_t(mlp.dtype)).want_shape({length});
    return array;
  };
  const std::optional<Array> class_weight = weights("class_weight", class_weight_object, columns);
  const std::optional<Array> pos_weight = weights("pos_weight", pos_weight_object, columns);
  const std::optional<Array> sample_weight = weights("sample_weight", sample_weight_object, rows);
  const std::optional<Array> target = optional_array("y", target_object, kRead);
  const bool classes = target && target->is(Dtype::kInt64);
  if (classes) target->want_shape({rows});
  if (target && !classes) target->want_dtype(uint32_t(mlp.dtype)).want_shape({rows, columns});
  const std::optional<Array> teacher = optional_array("teacher", teacher_object, kRead);
  if (teacher) teacher->want_dtype(uint32_t(mlp.dtype)).want_shape({rows, columns});
  const Gradients gradients(mlp, rows, grads_object, nb::none(), frozen_object, nb::none());
  gradients.grads.want_apart_from(params).want_apart_from(x);
  const Options options(mlp, input_quant, dropout_seed, step, first_row, without_dropout);

  const sprat_loss_params loss_params{sizeof(sprat_loss_params),
                                      find_by_name(&sprat_loss_find, "loss", loss),
                                      label_smoothing,
                                      delta,
                                      temperature,
                                      alpha,
                                      data_or_null(class_weight),
                                      data_or_null(pos_weight)};
  const sprat_mlp_batch batch{sizeof(sprat_mlp_batch),
                              rows,
                              x.data(),
                              data_or_null(target),
                              classes ? SPRAT_TARGET_CLASSES : SPRAT_TARGET_NUMBERS,
                              data_or_null(teacher),
                              data_or_null(sample_weight)};
  double value = 0;
  check_without_gil([&] {
    return sprat_mlp_loss_and_gradients(mlp.handle.get(), params.data(), &batch, &loss_params, &options.native,
                                        workspace.handle.get(), &gradients.native, &value);
  });
  return value;
}

}  // namespace

void bind_mlp(nb::module_& m) {
  nb::class_<Workspace>(m, "Workspace", "What a training pass keeps for the backward pass; one call at a time.")
      .def("__init__", &init_workspace);
  nb::class_<Mlp>(m, "Mlp", "The structure of a network; the values of its parameters are an argument of each call.")
      .def("__init__", &init_mlp, nb::arg("layers"), nb::arg("num_params"), nb::arg("dtype"),
           "Layers are (in_features, out_features, activation, has_bias, dropout, weight_offset, bias_offset).")
      .def("forward", &forward, nb::arg("params"), nb::arg("x"), nb::arg("layer"), nb::arg("out"),
           nb::arg("input_quant").none() = nb::none(), "Activations after a layer, without dropout, into out.")
      .def("forward_train", &forward_train, nb::arg("params"), nb::arg("x"), nb::arg("workspace"),
           nb::arg("dropout_seed"), nb::arg("step"), nb::arg("first_row"), nb::arg("input_quant").none() = nb::none(),
           nb::arg("without_dropout") = false,
           "Forward with dropout, kept in the workspace. x must not change before backward.")
      .def("activations", &activations, nb::arg("workspace"), nb::arg("layer"), nb::arg("out"),
           "Copies a layer's activations of the last training pass, before dropout, into out.")
      .def("backward", &backward, nb::arg("params"), nb::arg("workspace"), nb::arg("grad_output"), nb::arg("rows"),
           nb::arg("grads"), nb::arg("grad_x").none() = nb::none(), nb::arg("frozen").none() = nb::none(),
           nb::arg("hidden_gradients").none() = nb::none(), "Gradients of the last training pass into grads.")
      .def("loss_and_gradients", &loss_and_gradients, nb::arg("params"), nb::arg("x"), nb::arg("y").none(),
           nb::arg("loss"), nb::arg("workspace"), nb::arg("grads"), nb::arg("label_smoothing") = 0.0,
           nb::arg("delta") = 1.0, nb::arg("class_weight").none() = nb::none(),
           nb::arg("pos_weight").none() = nb::none(), nb::arg("sample_weight").none() = nb::none(),
           nb::arg("teacher").none() = nb::none(), nb::arg("temperature") = 1.0, nb::arg("alpha") = 0.0,
           nb::arg("frozen").none() = nb::none(), nb::arg("dropout_seed") = 0, nb::arg("step") = 0,
           nb::arg("first_row") = 0, nb::arg("input_quant").none() = nb::none(), nb::arg("without_dropout") = false,
           "Forward, loss and backward in one call; returns the loss.");
}

}  // namespace sprat::bindings
