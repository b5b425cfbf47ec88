#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings/array.h"

namespace sprat::bindings {
namespace {

int32_t find(const std::string& name) { return find_by_name(&sprat_activation_find, "activation", name); }

void forward(const std::string& name, nb::handle z_object, nb::handle out_object) {
  const int32_t activation = find(name);
  const Array z("x", z_object, kRead), out("out", out_object, kWrite);
  z.want_dtype(kFloats);
  out.want_dtype_of(z).want_shape_of(z).want_apart_from_or_same(z);
  check_without_gil([&] { return sprat_activation_forward(activation, z.as_dtype(), z.data(), out.data(), z.size()); });
}

void backward(const std::string& name, nb::handle z_object, nb::handle y_object, nb::handle grad_object,
              nb::handle out_object) {
  const int32_t activation = find(name);
  const std::optional<Array> z = optional_array("x", z_object, kRead);
  const Array y("y", y_object, kRead), grad("grad", grad_object, kRead), out("out", out_object, kWrite);
  y.want_dtype(kFloats);
  grad.want_dtype_of(y).want_shape_of(y);
  if (z) z->want_dtype_of(y).want_shape_of(y);
  out.want_dtype_of(y).want_shape_of(y).want_apart_from_or_same(y).want_apart_from_or_same(grad);
  if (z) out.want_apart_from_or_same(*z);
  check_without_gil([&] {
    return sprat_activation_backward(activation, y.as_dtype(), data_or_null(z), y.data(), grad.data(), out.data(),
                                     y.size());
  });
}

}  // namespace

void bind_activation(nb::module_& m) {
  m.def(
      "activations",
      [] {
        std::vector<std::string> names;
        for (int32_t i = 0; i < sprat_activation_count(); ++i) names.emplace_back(sprat_activation_name(i));
        return names;
      },
      "Names of the activations.");
  m.def(
      "activation_needs_input", [](const std::string& name) { return sprat_activation_needs_input(find(name)) != 0; },
      nb::arg("name"), "Whether the gradient needs the input; the others know it from the output alone.");
  m.def("activation_forward", &forward, nb::arg("name"), nb::arg("x"), nb::arg("out"),
        "out = f(x), element by element. out may be x.");
  m.def("activation_backward", &backward, nb::arg("name"), nb::arg("x").none(), nb::arg("y"), nb::arg("grad"),
        nb::arg("out"),
        "out = grad * f'(x), where y = f(x). x may be None if it is not needed; out may be any of them.");
}

}  // namespace sprat::bindings
