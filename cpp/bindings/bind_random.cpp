#include "bindings/common.h"

namespace sprat::bindings {

void bind_random(nb::module_& m) {
  using Order = nb::ndarray<int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  m.def(
      "permutation",
      [](const Order& out, uint64_t seed, uint64_t stream) {
        const auto length = static_cast<int64_t>(out.shape(0));
        int64_t* data = out.data();
        sprat_status status;
        {
          nb::gil_scoped_release release;
          status = sprat_permutation(seed, stream, length, data);
        }
        check(status);
      },
      nb::arg("out").noconvert(), nb::arg("seed"), nb::arg("stream"),
      "Fill an int64 array with a random order of 0 ... n - 1, a function of (seed, stream, n) alone.");
}

}  // namespace sprat::bindings
