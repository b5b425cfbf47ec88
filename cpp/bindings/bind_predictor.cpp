#include "bindings/predictor.h"

#include <nanobind/stl/string.h>

#include <string>

#include "bindings/mlp.h"

namespace sprat::bindings {
namespace {

void init_predictor(Predictor* self, const Mlp& mlp, nb::handle params_object) {
  const Array params = mlp.params(params_object);
  sprat_predictor* predictor = nullptr;
  check(sprat_predictor_create_mlp(mlp.handle.get(), params.data(), &predictor));
  new (self) Predictor(predictor);
}

void run_rows(const Predictor& predictor, nb::handle x_object, nb::handle out_object) {
  const Array x("x", x_object, kRead), out("out", out_object, kWrite);
  x.want_dtype(uint32_t(predictor.dtype)).want_shape({-1, predictor.in_features});
  out.want_dtype(uint32_t(predictor.dtype)).want_shape({x.shape(0), predictor.out_features}).want_apart_from(x);
  check(run(predictor, x.data(), x.shape(0), out.data()));
}

}  // namespace

void bind_predictor(nb::module_& m) {
  nb::class_<Runner>(m, "Runner", "Takes rows and gives rows: the native side of a model.");
  nb::class_<Predictor, Runner>(m, "Predictor", "A frozen network. Any number of threads may run it at once.")
      .def("__init__", &init_predictor, nb::arg("mlp"), nb::arg("params"), "Copies what it needs of params.")
      .def_prop_ro("in_features", [](const Predictor& p) { return p.in_features; })
      .def_prop_ro("out_features", [](const Predictor& p) { return p.out_features; })
      .def_prop_ro("dtype",
                   [](const Predictor& p) { return std::string(p.dtype == Dtype::kFloat32 ? "float32" : "float64"); })
      .def_prop_ro(
          "handle", [](const Predictor& p) { return reinterpret_cast<uintptr_t>(p.handle.get()); },
          "Address of the sprat_predictor, for sprat.cython_api.")
      .def(
          "kernel",
          [](const Predictor& p, int64_t layer, int64_t rows) {
            const char* words = sprat_predictor_kernel(p.handle.get(), layer, rows);
            if (!words) throw nb::index_error("layer: there is no such layer");
            return std::string(words);
          },
          nb::arg("layer"), nb::arg("rows"), "How a layer is computed for so many rows.")
      .def("run", &run_rows, nb::arg("x"), nb::arg("out"), "Raw outputs for x (rows, in_features) into out.");
}

}  // namespace sprat::bindings
