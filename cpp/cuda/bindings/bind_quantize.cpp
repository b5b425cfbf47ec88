// Quantize, dequantize and the ranges that scales come from, over arrays of a device.
#include <nanobind/stl/string.h>

#include "cuda/bindings/common.h"

namespace sprat::cuda::bindings {
namespace {

// A view (outer, channels, inner) with a scale and a zero point for each channel, told once.
class Quantizer {
 public:
  Quantizer(const std::string& real, const std::string& integer, int32_t quant_min, int32_t quant_max, int64_t outer,
            int64_t channels, int64_t inner, Address scales, Address zero_points)
      : native_{sizeof native_, dtype_named(real), dtype_named(integer), quant_min, quant_max, outer, channels,
                inner,          pointer(scales),   pointer(zero_points)} {}

  void quantize(Address x, Address q, Address stream) const {
    check(sprat_cuda_quantize(&native_, pointer(x), pointer(q), pointer(stream)));
  }
  void dequantize(Address q, Address x, Address stream) const {
    check(sprat_cuda_dequantize(&native_, pointer(q), pointer(x), pointer(stream)));
  }
  void fake_quantize(Address x, Address y, Address inside, Address stream) const {
    check(sprat_cuda_fake_quantize(&native_, pointer(x), pointer(y), pointer<uint8_t>(inside), pointer(stream)));
  }

 private:
  sprat_quantizer native_;
};

int64_t value_range(const std::string& real, int64_t outer, int64_t channels, int64_t inner, Address x, Address low,
                    Address high, Address stream) {
  int64_t non_finite = 0;
  const sprat_dtype type = dtype_named(real);
  check_without_gil([&] {
    return sprat_cuda_value_range(type, outer, channels, inner, pointer(x), pointer(low), pointer(high), &non_finite,
                                  pointer(stream));
  });
  return non_finite;
}

void choose_qparams(const std::string& real, int64_t n, Address low, Address high, int32_t quant_min, int32_t quant_max,
                    bool symmetric, Address scales, Address zero_points, Address stream) {
  check(sprat_cuda_choose_qparams(dtype_named(real), n, pointer(low), pointer(high), quant_min, quant_max, symmetric,
                                  pointer(scales), pointer<int32_t>(zero_points), pointer(stream)));
}

}  // namespace

void bind_quantize(nb::module_& m) {
  nb::class_<Quantizer>(m, "Quantizer", "Codes for arrays seen as (outer, channels, inner). Everything is an address.")
      .def(nb::init<const std::string&, const std::string&, int32_t, int32_t, int64_t, int64_t, int64_t, Address,
                    Address>(),
           nb::arg("real"), nb::arg("integer"), nb::arg("quant_min"), nb::arg("quant_max"), nb::arg("outer"),
           nb::arg("channels"), nb::arg("inner"), nb::arg("scales"), nb::arg("zero_points"))
      .def("quantize", &Quantizer::quantize, nb::arg("x"), nb::arg("q"), nb::arg("stream") = 0,
           "q = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max).")
      .def("dequantize", &Quantizer::dequantize, nb::arg("q"), nb::arg("x"), nb::arg("stream") = 0,
           "x = (q - zero_point) * scale.")
      .def("fake_quantize", &Quantizer::fake_quantize, nb::arg("x"), nb::arg("y"), nb::arg("inside") = 0,
           nb::arg("stream") = 0, "Both; inside (0: not wanted) receives 1 where x did not saturate.");
  m.def("value_range", &value_range, nb::arg("real"), nb::arg("outer"), nb::arg("channels"), nb::arg("inner"),
        nb::arg("x"), nb::arg("low"), nb::arg("high"), nb::arg("stream") = 0,
        "Smallest and largest finite number of each channel; returns how many are not finite.");
  m.def("choose_qparams", &choose_qparams, nb::arg("real"), nb::arg("n"), nb::arg("low"), nb::arg("high"),
        nb::arg("quant_min"), nb::arg("quant_max"), nb::arg("symmetric"), nb::arg("scales"), nb::arg("zero_points"),
        nb::arg("stream") = 0, "Scales and zero points (int32) for n ranges.");
}

}  // namespace sprat::cuda::bindings
