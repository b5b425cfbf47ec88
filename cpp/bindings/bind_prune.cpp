#include <nanobind/stl/vector.h>

#include <vector>

#include "bindings/array.h"

namespace sprat::bindings {
namespace {

sprat_prune_array native(const Array& x, const std::optional<Array>& mask) {
  return {sizeof(sprat_prune_array), x.size(), x.data(), static_cast<uint8_t*>(data_or_null(mask))};
}

int64_t prune_threshold(nb::handle x_object, double threshold, nb::handle mask_object) {
  const Array x("x", x_object, kWrite);
  const std::optional<Array> mask = optional_array("mask", mask_object, kWrite);
  x.want_dtype(kFloats);
  if (mask) mask->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape_of(x).want_apart_from(x);
  const sprat_prune_array array = native(x, mask);
  int64_t pruned = 0;
  check_without_gil([&] { return sprat_prune_threshold(x.as_dtype(), &array, threshold, &pruned); });
  return pruned;
}

double prune_smallest(const std::vector<nb::object>& x_objects, int64_t count,
                      const std::vector<nb::object>& mask_objects) {
  if (mask_objects.size() != x_objects.size()) throw nb::value_error("masks: wanted as many as arrays");
  std::vector<Array> arrays;
  std::vector<std::optional<Array>> masks;
  std::vector<sprat_prune_array> natives;
  arrays.reserve(x_objects.size());
  masks.reserve(x_objects.size());
  for (size_t i = 0; i < x_objects.size(); ++i) {
    const Array& x = arrays.emplace_back("arrays", x_objects[i], kWrite);
    const std::optional<Array>& mask = masks.emplace_back(optional_array("masks", mask_objects[i], kWrite));
    x.want_dtype(kFloats).want_dtype_of(arrays.front());
    if (mask) mask->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape_of(x).want_apart_from(x);
    for (size_t j = 0; j < i; ++j) x.want_apart_from(arrays[j]);
    natives.push_back(native(x, mask));
  }
  double threshold = 0;
  const sprat_dtype dtype = arrays.empty() ? SPRAT_FLOAT32 : arrays.front().as_dtype();
  check_without_gil([&] {
    return sprat_prune_smallest(dtype, natives.data(), static_cast<int64_t>(natives.size()), count, &threshold);
  });
  return threshold;
}

}  // namespace

void bind_prune(nb::module_& m) {
  m.def("prune_threshold", &prune_threshold, nb::arg("x").none(), nb::arg("threshold"), nb::arg("mask").none(),
        "Set x to zero where |x| < threshold, in place; fill mask. Returns how many.");
  m.def("prune_smallest", &prune_smallest, nb::arg("arrays"), nb::arg("count"), nb::arg("masks"),
        "Set exactly the count elements of smallest magnitude of all arrays to zero, in place; fill the masks. "
        "Returns the largest magnitude that went.");
}

}  // namespace sprat::bindings
