// Activations, pruning, random numbers and counts over arrays of a device.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>
#include <vector>

#include "cuda/bindings/common.h"

namespace sprat::cuda::bindings {
namespace {

int32_t activation_named(const std::string& name) {
  const int32_t found = sprat_cuda_activation_find(name.c_str());
  if (found < 0) throw nb::value_error(("activation: there is no '" + name + "'").c_str());
  return found;
}

void activation_forward(const std::string& name, const std::string& dtype, Address z, Address y, int64_t length,
                        Address stream) {
  const int32_t activation = activation_named(name);
  check(sprat_cuda_activation_forward(activation, dtype_named(dtype), pointer(z), pointer(y), length, pointer(stream)));
}

void activation_backward(const std::string& name, const std::string& dtype, Address z, Address y, Address grad_y,
                         Address grad_z, int64_t length, Address stream) {
  const int32_t activation = activation_named(name);
  check(sprat_cuda_activation_backward(activation, dtype_named(dtype), pointer(z), pointer(y), pointer(grad_y),
                                       pointer(grad_z), length, pointer(stream)));
}

int64_t count_nonfinite(const std::string& dtype, Address x, Address mask, int64_t length, Address stream) {
  int64_t count = 0;
  const sprat_dtype type = dtype_named(dtype);
  check_without_gil([&] {
    return sprat_cuda_count_nonfinite(type, pointer(x), pointer<uint8_t>(mask), length, &count, pointer(stream));
  });
  return count;
}

double sum_of_squares(const std::string& dtype, Address x, int64_t length, Address stream) {
  double squares = 0;
  const sprat_dtype type = dtype_named(dtype);
  check_without_gil([&] { return sprat_cuda_sum_of_squares(type, pointer(x), length, &squares, pointer(stream)); });
  return squares;
}

int64_t prune_threshold(const std::string& dtype, Address x, Address mask, int64_t length, double threshold,
                        Address stream) {
  int64_t pruned = 0;
  const sprat_dtype type = dtype_named(dtype);
  const sprat_prune_array array{sizeof array, length, pointer(x), pointer<uint8_t>(mask)};
  check_without_gil([&] { return sprat_cuda_prune_threshold(type, &array, threshold, &pruned, pointer(stream)); });
  return pruned;
}

double prune_smallest(const std::string& dtype, const std::vector<std::tuple<Address, Address, int64_t>>& arrays,
                      int64_t count, Address stream) {
  std::vector<sprat_prune_array> natives;
  for (const auto& [x, mask, length] : arrays) {
    natives.push_back({sizeof(sprat_prune_array), length, pointer(x), pointer<uint8_t>(mask)});
  }
  double threshold = 0;
  const sprat_dtype type = dtype_named(dtype);
  check_without_gil([&] {
    return sprat_cuda_prune_smallest(type, natives.data(), static_cast<int64_t>(natives.size()), count, &threshold,
                                     pointer(stream));
  });
  return threshold;
}

}  // namespace

void bind_elementwise(nb::module_& m) {
  m.def("activation_forward", &activation_forward, nb::arg("activation"), nb::arg("dtype"), nb::arg("z"), nb::arg("y"),
        nb::arg("length"), nb::arg("stream") = 0, "y = f(z); y may be z.");
  m.def("activation_backward", &activation_backward, nb::arg("activation"), nb::arg("dtype"), nb::arg("z"),
        nb::arg("y"), nb::arg("grad_y"), nb::arg("grad_z"), nb::arg("length"), nb::arg("stream") = 0,
        "grad_z = grad_y * f'(z), where y = f(z).");
  m.def("count_nonfinite", &count_nonfinite, nb::arg("dtype"), nb::arg("x"), nb::arg("mask"), nb::arg("length"),
        nb::arg("stream") = 0, "How many are NaN or infinite, of those that a mask (0: none) does not hide.");
  m.def("sum_of_squares", &sum_of_squares, nb::arg("dtype"), nb::arg("x"), nb::arg("length"), nb::arg("stream") = 0,
        "In double, in the order of the gradients' norm.");
  m.def("prune_threshold", &prune_threshold, nb::arg("dtype"), nb::arg("x"), nb::arg("mask"), nb::arg("length"),
        nb::arg("threshold"), nb::arg("stream") = 0, "Set x to zero where |x| < threshold, fill the mask (0: none).");
  m.def("prune_smallest", &prune_smallest, nb::arg("dtype"), nb::arg("arrays"), nb::arg("count"), nb::arg("stream") = 0,
        "Set exactly the count elements of smallest magnitude of all arrays (x, mask, length) to zero, fill the masks. "
        "Returns the largest magnitude that went.");
  m.def(
      "fill_uniform",
      [](const std::string& dtype, uint64_t seed, uint64_t stream, double low, double high, int64_t length, Address out,
         Address cuda_stream) {
        check(sprat_cuda_fill_uniform(dtype_named(dtype), seed, stream, low, high, length, pointer(out),
                                      pointer(cuda_stream)));
      },
      nb::arg("dtype"), nb::arg("seed"), nb::arg("stream"), nb::arg("low"), nb::arg("high"), nb::arg("length"),
      nb::arg("out"), nb::arg("cuda_stream") = 0, "Uniform numbers in [low, high), those of the CPU.");
  m.def(
      "fill_normal",
      [](const std::string& dtype, uint64_t seed, uint64_t stream, double mean, double std, int64_t length, Address out,
         Address cuda_stream) {
        check(sprat_cuda_fill_normal(dtype_named(dtype), seed, stream, mean, std, length, pointer(out),
                                     pointer(cuda_stream)));
      },
      nb::arg("dtype"), nb::arg("seed"), nb::arg("stream"), nb::arg("mean"), nb::arg("std"), nb::arg("length"),
      nb::arg("out"), nb::arg("cuda_stream") = 0, "Normal numbers, those of the CPU.");
}

}  // namespace sprat::cuda::bindings
