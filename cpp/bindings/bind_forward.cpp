// The forward pass of a network on parameters that may change from call to call.
#include <numeric>

#include "bindings/mlp.h"
#include "bindings/runner.h"

namespace sprat::bindings {
namespace {

struct ForwardPass final : Runner {
  ForwardPass(const nb::object& mlp_object, const Mlp& mlp, nb::handle params)
      : Runner(mlp.dtype, mlp.in_features(), mlp.out_features(), kSlowdown * multiply_adds_of(mlp)),
        mlp_object_(mlp_object),
        mlp_(mlp),
        params_(mlp.params(params)) {}

  sprat_status run(const void* x, int64_t rows, void* out) const noexcept override {
    const auto last = int64_t(mlp_.layers.size()) - 1;
    return sprat_mlp_forward(mlp_.handle.get(), params_.data(), x, rows, last, nullptr, out);
  }

 private:
  // Weights are read where they lie; what a call adds is to turn rows into panels, which few rows do not fill.
  static constexpr int64_t kSlowdown = 4;

  static int64_t multiply_adds_of(const Mlp& mlp) {
    const auto add = [](int64_t sum, const sprat_layer& layer) { return sum + layer.in_features * layer.out_features; };
    return std::accumulate(mlp.layers.begin(), mlp.layers.end(), int64_t{0}, add);
  }

  const nb::object mlp_object_;  // keeps mlp_
  const Mlp& mlp_;
  const Array params_;
};

}  // namespace

void bind_forward(nb::module_& m) {
  nb::class_<ForwardPass, Runner>(m, "ForwardPass", "A network on its parameters, which are borrowed.")
      .def(
          "__init__",
          [](ForwardPass* self, const nb::object& mlp, nb::handle params) {
            new (self) ForwardPass(mlp, nb::cast<const Mlp&>(mlp), params);
          },
          nb::arg("mlp"), nb::arg("params"), nb::sig("def __init__(self, mlp: Mlp, params: object) -> None"));
}

}  // namespace sprat::bindings
