#include "bindings/array.h"

namespace sprat::bindings {
namespace {

using Fill = sprat_status (*)(sprat_dtype, uint64_t, uint64_t, double, double, int64_t, void*) noexcept;

template <Fill fill_array>
void fill(nb::handle out_object, uint64_t seed, uint64_t stream, double a, double b) {
  const Array out("out", out_object, kWrite);
  out.want_dtype(kFloats);
  check_without_gil([&] { return fill_array(out.as_dtype(), seed, stream, a, b, out.size(), out.data()); });
}

void permutation(nb::handle out_object, uint64_t seed, uint64_t stream) {
  const Array out("out", out_object, kWrite);
  out.want_dtype(uint32_t(Dtype::kInt64)).want_ndim(1);
  check_without_gil([&] { return sprat_permutation(seed, stream, out.size(), static_cast<int64_t*>(out.data())); });
}

}  // namespace

void bind_random(nb::module_& m) {
  m.def("permutation", &permutation, nb::arg("out"), nb::arg("seed"), nb::arg("stream"),
        "Fill an int64 array with a random order of 0 ... n - 1, a function of (seed, stream, n) alone.");
  m.def("fill_uniform", &fill<&sprat_fill_uniform>, nb::arg("out"), nb::arg("seed"), nb::arg("stream"), nb::arg("low"),
        nb::arg("high"), "Fill an array with uniform numbers, element i a function of (seed, stream, i) alone.");
  m.def("fill_normal", &fill<&sprat_fill_normal>, nb::arg("out"), nb::arg("seed"), nb::arg("stream"), nb::arg("mean"),
        nb::arg("std"), "Fill an array with normal numbers, element i a function of (seed, stream, i) alone.");
}

}  // namespace sprat::bindings
