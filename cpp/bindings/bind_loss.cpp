#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings/array.h"

namespace sprat::bindings {
namespace {

double loss(nb::handle output_object, nb::handle target_object, nb::handle weight_object, nb::handle teacher_object,
            nb::handle grad_object, const std::string& name, double label_smoothing, double delta, double temperature,
            double alpha, nb::handle class_weight_object, nb::handle pos_weight_object) {
  sprat_loss_params params{};
  params.size = sizeof params;
  params.loss = find_by_name(&sprat_loss_find, "loss", name);
  params.label_smoothing = label_smoothing;
  params.delta = delta;
  params.temperature = temperature;
  params.alpha = alpha;

  const Array output("output", output_object, kRead);
  output.want_dtype(kFloats).want_ndim(2);
  const int64_t rows = output.shape(0), columns = output.shape(1);
  const std::optional<Array> target = optional_array("target", target_object, kRead),
                             weight = optional_array("sample_weight", weight_object, kRead),
                             teacher = optional_array("teacher", teacher_object, kRead),
                             grad = optional_array("grad_output", grad_object, kWrite),
                             class_weight = optional_array("class_weight", class_weight_object, kRead),
                             pos_weight = optional_array("pos_weight", pos_weight_object, kRead);
  sprat_target kind = SPRAT_TARGET_NUMBERS;
  if (target && target->is(Dtype::kInt64)) {
    kind = SPRAT_TARGET_CLASSES;
    target->want_shape({rows});
  } else if (target) {
    target->want_dtype_of(output).want_shape_of(output);
  }
  if (weight) weight->want_dtype_of(output).want_shape({rows});
  if (teacher) teacher->want_dtype_of(output).want_shape_of(output);
  if (class_weight) class_weight->want_dtype_of(output).want_shape({columns});
  if (pos_weight) pos_weight->want_dtype_of(output).want_shape({columns});
  if (grad) {
    grad->want_dtype_of(output).want_shape_of(output);
    if (teacher) grad->want_apart_from(output).want_apart_from(*teacher);
    grad->want_apart_from_or_same(output);
    for (const std::optional<Array>* other : {&target, &weight, &class_weight, &pos_weight}) {
      if (*other) grad->want_apart_from(**other);
    }
  }
  params.class_weight = data_or_null(class_weight);
  params.pos_weight = data_or_null(pos_weight);

  double value = 0;
  check_without_gil([&] {
    return sprat_loss(&params, output.as_dtype(), output.data(), data_or_null(target), kind, data_or_null(teacher),
                      data_or_null(weight), rows, columns, data_or_null(grad), &value);
  });
  return value;
}

template <auto function>
void softmax(nb::handle x_object, nb::handle out_object) {
  const Array x("x", x_object, kRead), out("out", out_object, kWrite);
  x.want_dtype(kFloats).want_ndim(2);
  out.want_dtype_of(x).want_shape_of(x).want_apart_from_or_same(x);
  check_without_gil([&] { return function(x.as_dtype(), x.data(), out.data(), x.shape(0), x.shape(1)); });
}

}  // namespace

void bind_loss(nb::module_& m) {
  m.def(
      "losses",
      [] {
        std::vector<std::string> names;
        for (int32_t i = 0; i < sprat_loss_count(); ++i) names.emplace_back(sprat_loss_name(i));
        return names;
      },
      "Names of the losses.");
  m.def("loss", &loss, nb::arg("output"), nb::arg("target").none(), nb::arg("sample_weight").none(),
        nb::arg("teacher").none(), nb::arg("grad_output").none(), nb::kw_only(), nb::arg("loss"),
        nb::arg("label_smoothing") = 0.0, nb::arg("delta") = 1.0, nb::arg("temperature") = 1.0, nb::arg("alpha") = 0.0,
        nb::arg("class_weight").none() = nb::none(), nb::arg("pos_weight").none() = nb::none(),
        "The mean loss; its gradient goes to grad_output. int64 targets are class ids. See sprat_loss() in sprat.h.");
  m.def("softmax", &softmax<&sprat_softmax>, nb::arg("x"), nb::arg("out"), "Softmax of each row. out may be x.");
  m.def("log_softmax", &softmax<&sprat_log_softmax>, nb::arg("x"), nb::arg("out"),
        "Logarithm of the softmax of each row. out may be x.");
}

}  // namespace sprat::bindings
