// Losses, softmax and products on their own.
#include <nanobind/stl/string.h>

#include "cuda/bindings/network.h"

namespace sprat::cuda::bindings {
namespace {

double loss(const std::string& name, const std::string& dtype, Address output, Address target, int64_t rows,
            int64_t columns, Address grad_output, Address stream, bool classes, double label_smoothing, double delta,
            Address class_weight, Address pos_weight, Address sample_weight, Address teacher, double temperature,
            double alpha) {
  const LossParams params(name, label_smoothing, delta, class_weight, pos_weight, temperature, alpha);
  const sprat_dtype type = dtype_of(dtype);
  double value = 0;
  check_without_gil([&] {
    return sprat_cuda_loss(&params.native, type, pointer(output), pointer(target), target_kind(classes),
                           pointer(teacher), pointer(sample_weight), rows, columns, pointer(grad_output), &value,
                           pointer(stream));
  });
  return value;
}

void softmax(const std::string& dtype, Address x, Address y, int64_t rows, int64_t columns, bool log, Address stream) {
  const auto call = log ? sprat_cuda_log_softmax : sprat_cuda_softmax;
  const sprat_dtype type = dtype_of(dtype);
  check_without_gil([&] { return call(type, pointer(x), pointer(y), rows, columns, pointer(stream)); });
}

void multiply(const std::string& dtype, const std::string& product, Address a, Address b, Address c, int64_t m,
              int64_t n, int64_t k, Address stream) {
  const char* const names[] = {"forward", "input_gradient", "weight_gradient"};
  const sprat_dtype type = dtype_of(dtype);
  for (int i = 0; i < 3; ++i) {
    if (product != names[i]) continue;
    return check_without_gil([&] {
      return sprat_cuda_multiply(type, static_cast<sprat_cuda_product>(i), pointer(a), pointer(b), pointer(c), m, n, k,
                                 pointer(stream));
    });
  }
  throw nb::value_error("product: wanted forward, input_gradient or weight_gradient");
}

}  // namespace

void bind_loss(nb::module_& m) {
  m.def("loss", &loss, nb::arg("name"), nb::arg("dtype"), nb::arg("output"), nb::arg("target"), nb::arg("rows"),
        nb::arg("columns"), nb::arg("grad_output") = 0, nb::arg("stream") = 0, nb::arg("classes") = false,
        nb::arg("label_smoothing") = 0.0, nb::arg("delta") = 1.0, nb::arg("class_weight") = 0,
        nb::arg("pos_weight") = 0, nb::arg("sample_weight") = 0, nb::arg("teacher") = 0, nb::arg("temperature") = 1.0,
        nb::arg("alpha") = 0.0, "The loss of a batch, and its gradient where grad_output is not 0. Waits.");
  m.def("softmax", &softmax, nb::arg("dtype"), nb::arg("x"), nb::arg("y"), nb::arg("rows"), nb::arg("columns"),
        nb::arg("log") = false, nb::arg("stream") = 0, "Softmax of each row, or its logarithm.");
  m.def("multiply", &multiply, nb::arg("dtype"), nb::arg("product"), nb::arg("a"), nb::arg("b"), nb::arg("c"),
        nb::arg("m"), nb::arg("n"), nb::arg("k"), nb::arg("stream") = 0,
        "A product as the layers of a network compute it: forward, input_gradient or weight_gradient.");
}

}  // namespace sprat::cuda::bindings
