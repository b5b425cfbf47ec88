// Networks: forward and training passes over memory of the device.
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <optional>

#include "cuda/bindings/network.h"

namespace sprat::cuda::bindings {
namespace {

// (in_features, out_features, activation, has_bias, dropout, weight_offset, bias_offset), as _core.Mlp takes them
using LayerTuple = std::tuple<int64_t, int64_t, std::string, bool, double, int64_t, int64_t>;
// (scale, zero_point, quant_min, quant_max) of each layer's input, or None
using Quants = std::optional<std::vector<std::optional<std::tuple<double, int, int, int>>>>;

void init_mlp(Mlp* self, const std::vector<LayerTuple>& tuples, int64_t num_params, const std::string& dtype) {
  std::vector<sprat_layer> layers;
  for (const auto& [in_features, out_features, activation, has_bias, dropout, weight_offset, bias_offset] : tuples) {
    const int32_t id = sprat_cuda_activation_find(activation.c_str());
    if (id < 0) throw nb::value_error(("activation: there is no '" + activation + "'").c_str());
    layers.push_back(
        {sizeof(sprat_layer), in_features, out_features, weight_offset, bias_offset, dropout, id, has_bias});
  }
  sprat_cuda_mlp* mlp = nullptr;
  const auto num_layers = static_cast<int64_t>(layers.size());
  check(sprat_cuda_mlp_create(layers.data(), num_layers, num_params, dtype_of(dtype), &mlp));
  new (self) Mlp{std::unique_ptr<sprat_cuda_mlp, NetworkDeleter>(mlp), num_layers};
}

void init_workspace(Workspace* self) {
  sprat_cuda_workspace* workspace = nullptr;
  check(sprat_cuda_workspace_create(&workspace));
  new (self) Workspace{std::unique_ptr<sprat_cuda_workspace, NetworkDeleter>(workspace)};
}

// How a pass runs.
struct Options {
  Options(const Mlp& mlp, const Quants& input_quant, uint64_t dropout_seed, int64_t step, int64_t first_row,
          bool without_dropout)
      : native{sizeof(sprat_mlp_options), dropout_seed, step, first_row, nullptr, without_dropout} {
    if (!input_quant) return;
    if (static_cast<int64_t>(input_quant->size()) != mlp.num_layers) {
      throw nb::value_error("input_quant: wanted one item for each layer");
    }
    quants.resize(input_quant->size());
    pointers.resize(input_quant->size(), nullptr);
    for (size_t l = 0; l < quants.size(); ++l) {
      if (!(*input_quant)[l]) continue;
      const auto [scale, zero_point, quant_min, quant_max] = *(*input_quant)[l];
      quants[l] = {sizeof(sprat_fake_quant), scale, zero_point, quant_min, quant_max};
      pointers[l] = &quants[l];
    }
    native.input_quant = pointers.data();
  }

  sprat_mlp_options native;
  std::vector<sprat_fake_quant> quants;
  std::vector<const sprat_fake_quant*> pointers;
};

// Where gradients go and come from.
struct Gradients {
  Gradients(const Mlp& mlp, Address grads, Address grad_x, const std::optional<std::vector<bool>>& frozen_list,
            const std::optional<std::map<int64_t, Address>>& hidden_gradients)
      : native{sizeof(sprat_mlp_gradients), pointer(grads), pointer(grad_x), nullptr, nullptr} {
    if (frozen_list) {
      frozen.assign(frozen_list->begin(), frozen_list->end());
      if (static_cast<int64_t>(frozen.size()) != 2 * mlp.num_layers) {
        throw nb::value_error("frozen: wanted two flags for each layer");
      }
      native.frozen = frozen.data();
    }
    if (hidden_gradients) {
      hidden.resize(static_cast<size_t>(mlp.num_layers), nullptr);
      for (const auto& [layer, address] : *hidden_gradients) {
        if (layer < 0 || layer >= mlp.num_layers) throw nb::value_error("hidden_gradients: there is no such layer");
        hidden[static_cast<size_t>(layer)] = pointer(address);
      }
      native.hidden = hidden.data();
    }
  }

  std::vector<uint8_t> frozen;
  std::vector<const void*> hidden;
  sprat_mlp_gradients native;
};

void forward(const Mlp& mlp, Address params, Address x, int64_t rows, int64_t layer, Address out, Address stream,
             const Quants& input_quant) {
  const Options options(mlp, input_quant, 0, 0, 0, true);
  check_without_gil([&] {
    return sprat_cuda_mlp_forward(mlp.handle.get(), pointer(params), pointer(x), rows, layer, &options.native,
                                  pointer(out), pointer(stream));
  });
}

void forward_train(const Mlp& mlp, Address params, Address x, int64_t rows, const Workspace& workspace, Address stream,
                   uint64_t dropout_seed, int64_t step, int64_t first_row, const Quants& input_quant,
                   bool without_dropout) {
  const Options options(mlp, input_quant, dropout_seed, step, first_row, without_dropout);
  check_without_gil([&] {
    return sprat_cuda_mlp_forward_train(mlp.handle.get(), pointer(params), pointer(x), rows, &options.native,
                                        workspace.handle.get(), pointer(stream));
  });
}

void activations(const Mlp& mlp, const Workspace& workspace, int64_t layer, int64_t rows, Address out, Address stream) {
  check_without_gil([&] {
    return sprat_cuda_workspace_activations(workspace.handle.get(), mlp.handle.get(), layer, rows, pointer(out),
                                            pointer(stream));
  });
}

void backward(const Mlp& mlp, Address params, const Workspace& workspace, Address grad_output, int64_t rows,
              Address grads, Address stream, Address grad_x, const std::optional<std::vector<bool>>& frozen,
              const std::optional<std::map<int64_t, Address>>& hidden) {
  const Gradients gradients(mlp, grads, grad_x, frozen, hidden);
  check_without_gil([&] {
    return sprat_cuda_mlp_backward(mlp.handle.get(), pointer(params), workspace.handle.get(), pointer(grad_output),
                                   rows, &gradients.native, pointer(stream));
  });
}

nb::object loss_and_gradients(const Mlp& mlp, Address params, Address x, Address y, int64_t rows,
                              const std::string& loss, const Workspace& workspace, Address grads, Address stream,
                              bool classes, double label_smoothing, double delta, Address class_weight,
                              Address pos_weight, Address sample_weight, Address teacher, double temperature,
                              double alpha, const std::optional<std::vector<bool>>& frozen, uint64_t dropout_seed,
                              int64_t step, int64_t first_row, const Quants& input_quant, bool without_dropout,
                              bool wait) {
  const LossParams params_of_loss(loss, label_smoothing, delta, class_weight, pos_weight, temperature, alpha);
  const Options options(mlp, input_quant, dropout_seed, step, first_row, without_dropout);
  const Gradients gradients(mlp, grads, 0, frozen, std::nullopt);
  const sprat_mlp_batch batch{
      sizeof(sprat_mlp_batch), rows, pointer(x), pointer(y), target_kind(classes), pointer(teacher),
      pointer(sample_weight)};
  double value = 0;
  check_without_gil([&] {
    return sprat_cuda_mlp_loss_and_gradients(mlp.handle.get(), pointer(params), &batch, &params_of_loss.native,
                                             &options.native, workspace.handle.get(), &gradients.native,
                                             wait ? &value : nullptr, pointer(stream));
  });
  return wait ? nb::object(nb::float_(value)) : nb::object(nb::none());
}

double loss_of_workspace(const Workspace& workspace, Address stream) {
  double value = 0;
  check_without_gil([&] { return sprat_cuda_workspace_loss(workspace.handle.get(), &value, pointer(stream)); });
  return value;
}

}  // namespace

void bind_network(nb::module_& m) {
  nb::class_<Workspace>(m, "Workspace", "Memory of training passes; of one stream at a time.")
      .def("__init__", &init_workspace)
      .def("loss", &loss_of_workspace, nb::arg("stream") = 0, "Waits for the loss of the last call that left one.");
  nb::class_<Mlp>(m, "Mlp", "The structure of a network; arrays are addresses on the device.")
      .def("__init__", &init_mlp, nb::arg("layers"), nb::arg("num_params"), nb::arg("dtype"),
           "Layers are (in_features, out_features, activation, has_bias, dropout, weight_offset, bias_offset).")
      .def("forward", &forward, nb::arg("params"), nb::arg("x"), nb::arg("rows"), nb::arg("layer"), nb::arg("out"),
           nb::arg("stream") = 0, nb::arg("input_quant").none() = nb::none(),
           "Activations after a layer, without dropout, into out.")
      .def("forward_train", &forward_train, nb::arg("params"), nb::arg("x"), nb::arg("rows"), nb::arg("workspace"),
           nb::arg("stream") = 0, nb::arg("dropout_seed") = 0, nb::arg("step") = 0, nb::arg("first_row") = 0,
           nb::arg("input_quant").none() = nb::none(), nb::arg("without_dropout") = false,
           "Forward with dropout, kept in the workspace. x must not change before backward.")
      .def("activations", &activations, nb::arg("workspace"), nb::arg("layer"), nb::arg("rows"), nb::arg("out"),
           nb::arg("stream") = 0, "Copies a layer's activations of the last training pass, before dropout, into out.")
      .def("backward", &backward, nb::arg("params"), nb::arg("workspace"), nb::arg("grad_output"), nb::arg("rows"),
           nb::arg("grads"), nb::arg("stream") = 0, nb::arg("grad_x") = 0, nb::arg("frozen").none() = nb::none(),
           nb::arg("hidden_gradients").none() = nb::none(), "Gradients of the last training pass into grads.")
      .def("loss_and_gradients", &loss_and_gradients, nb::arg("params"), nb::arg("x"), nb::arg("y"), nb::arg("rows"),
           nb::arg("loss"), nb::arg("workspace"), nb::arg("grads"), nb::arg("stream") = 0, nb::arg("classes") = false,
           nb::arg("label_smoothing") = 0.0, nb::arg("delta") = 1.0, nb::arg("class_weight") = 0,
           nb::arg("pos_weight") = 0, nb::arg("sample_weight") = 0, nb::arg("teacher") = 0,
           nb::arg("temperature") = 1.0, nb::arg("alpha") = 0.0, nb::arg("frozen").none() = nb::none(),
           nb::arg("dropout_seed") = 0, nb::arg("step") = 0, nb::arg("first_row") = 0,
           nb::arg("input_quant").none() = nb::none(), nb::arg("without_dropout") = false, nb::arg("wait") = true,
           "Forward, loss and backward; returns the loss, or None without `wait`: it stays in the workspace.");
}

}  // namespace sprat::cuda::bindings
