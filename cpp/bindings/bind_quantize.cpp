#include "bindings/array.h"
#include "bindings/quantize_call.h"

namespace sprat::bindings {
namespace {

// The types that real numbers are quantized to, as Python names them.
struct Integer {
  const char* name;
  Dtype dtype;
  sprat_dtype code;
};
constexpr Integer kIntegers[] = {{"int8", Dtype::kInt8, SPRAT_INT8}, {"uint8", Dtype::kUint8, SPRAT_UINT8}};

uint32_t integers() {
  uint32_t allowed = 0;
  for (const Integer& integer : kIntegers) allowed = allowed | integer.dtype;
  return allowed;
}

// Seen as (outer, channels, inner); there are as many channels as scales.
sprat_quantizer make_quantizer(const Array& real, const Array& scale, const Array& zero_point, int64_t outer,
                               int64_t inner, int32_t quant_min, int32_t quant_max) {
  real.want_dtype(kFloats);
  scale.want_dtype_of(real).want_ndim(1);
  zero_point.want_dtype(integers()).want_shape_of(scale);
  if (outer * scale.size() * inner != real.size()) throw nb::value_error("outer, inner: do not fit the array");
  sprat_quantizer quantizer{};
  quantizer.size = sizeof quantizer;
  quantizer.real = real.as_dtype();
  quantizer.integer = zero_point.as_dtype();
  quantizer.quant_min = quant_min;
  quantizer.quant_max = quant_max;
  quantizer.outer = outer;
  quantizer.channels = scale.size();
  quantizer.inner = inner;
  quantizer.scales = scale.data();
  quantizer.zero_points = zero_point.data();
  return quantizer;
}

void quantize(nb::handle x_object, nb::handle q_object, nb::handle scale_object, nb::handle zero_object, int64_t outer,
              int64_t inner, int32_t quant_min, int32_t quant_max) {
  const Array x("x", x_object, kRead), scale("scale", scale_object, kRead), zero("zero_point", zero_object, kRead);
  const Array q("out", q_object, kWrite);
  const sprat_quantizer quantizer = make_quantizer(x, scale, zero, outer, inner, quant_min, quant_max);
  q.want_dtype_of(zero).want_shape_of(x).want_apart_from(x).want_apart_from(scale).want_apart_from(zero);
  check_without_gil([&] { return sprat_quantize(&quantizer, x.data(), q.data()); });
}

void dequantize(nb::handle q_object, nb::handle x_object, nb::handle scale_object, nb::handle zero_object,
                int64_t outer, int64_t inner) {
  const Array q("q", q_object, kRead), scale("scale", scale_object, kRead), zero("zero_point", zero_object, kRead);
  const Array x("out", x_object, kWrite);
  zero.want_dtype_of(q);
  x.want_shape_of(q);
  int32_t low = 0, high = 0;
  check(sprat_quant_limits(q.as_dtype(), &low, &high));
  const sprat_quantizer quantizer = make_quantizer(x, scale, zero, outer, inner, low, high);
  x.want_apart_from(q).want_apart_from(scale).want_apart_from(zero);
  check_without_gil([&] { return sprat_dequantize(&quantizer, q.data(), x.data()); });
}

void fake_quantize(nb::handle x_object, nb::handle y_object, nb::handle inside_object, nb::handle scale_object,
                   nb::handle zero_object, int64_t outer, int64_t inner, int32_t quant_min, int32_t quant_max) {
  const Array x("x", x_object, kRead), scale("scale", scale_object, kRead), zero("zero_point", zero_object, kRead);
  const Array y("out", y_object, kWrite);
  const std::optional<Array> inside = optional_array("inside", inside_object, kWrite);
  const sprat_quantizer quantizer = make_quantizer(x, scale, zero, outer, inner, quant_min, quant_max);
  y.want_dtype_of(x).want_shape_of(x).want_apart_from_or_same(x).want_apart_from(scale).want_apart_from(zero);
  if (inside) inside->want_dtype(Dtype::kUint8 | Dtype::kBool).want_shape_of(x).want_apart_from(x).want_apart_from(y);
  check_without_gil(
      [&] { return sprat_fake_quantize(&quantizer, x.data(), y.data(), static_cast<uint8_t*>(data_or_null(inside))); });
}

int64_t value_range(nb::handle x_object, int64_t outer, int64_t inner, nb::handle low_object, nb::handle high_object) {
  const Array x("x", x_object, kRead), low("low", low_object, kWrite), high("high", high_object, kWrite);
  x.want_dtype(kFloats);
  low.want_dtype_of(x).want_ndim(1).want_apart_from(x);
  high.want_dtype_of(x).want_shape_of(low).want_apart_from(x).want_apart_from(low);
  if (outer * low.size() * inner != x.size()) throw nb::value_error("outer, inner: do not fit the array");
  int64_t non_finite = 0;
  check_without_gil([&] {
    return sprat_value_range(x.as_dtype(), outer, low.size(), inner, x.data(), low.data(), high.data(), &non_finite);
  });
  return non_finite;
}

void choose_qparams(nb::handle low_object, nb::handle high_object, int32_t quant_min, int32_t quant_max, bool symmetric,
                    nb::handle scale_object, nb::handle zero_object) {
  const Array low("min", low_object, kRead), high("max", high_object, kRead), scale("scale", scale_object, kWrite);
  const Array zero("zero_point", zero_object, kWrite);
  low.want_dtype(kFloats).want_ndim(1);
  high.want_dtype_of(low).want_shape_of(low);
  scale.want_dtype_of(low).want_shape_of(low).want_apart_from(low).want_apart_from(high);
  zero.want_dtype(uint32_t(Dtype::kInt32)).want_shape_of(low).want_apart_from(low).want_apart_from(high);
  check(sprat_choose_qparams(low.as_dtype(), low.size(), low.data(), high.data(), quant_min, quant_max, symmetric,
                             scale.data(), static_cast<int32_t*>(zero.data())));
}

nb::dict quant_limits() {
  nb::dict limits;
  for (const Integer& integer : kIntegers) {
    int32_t low = 0, high = 0;
    check(sprat_quant_limits(integer.code, &low, &high));
    limits[integer.name] = nb::make_tuple(low, high);
  }
  return limits;
}

}  // namespace

void bind_quantize(nb::module_& m) {
  m.def("quant_limits", &quant_limits, nb::sig("def quant_limits() -> dict[str, tuple[int, int]]"),
        "Smallest and largest code of each type that real numbers are quantized to.");
  bind_quantize_calls(m);
  m.def("quantize", &quantize, nb::arg("x"), nb::arg("out"), nb::arg("scale"), nb::arg("zero_point"), nb::arg("outer"),
        nb::arg("inner"), nb::arg("quant_min"), nb::arg("quant_max"),
        "out = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max), x as (outer, len(scale), inner).");
  m.def("dequantize", &dequantize, nb::arg("q"), nb::arg("out"), nb::arg("scale"), nb::arg("zero_point"),
        nb::arg("outer"), nb::arg("inner"), "out = (q - zero_point) * scale, q as (outer, len(scale), inner).");
  m.def("fake_quantize", &fake_quantize, nb::arg("x"), nb::arg("out"), nb::arg("inside").none(), nb::arg("scale"),
        nb::arg("zero_point"), nb::arg("outer"), nb::arg("inner"), nb::arg("quant_min"), nb::arg("quant_max"),
        "out = dequantize(quantize(x)); inside: 1 where x did not saturate.");
  m.def("value_range", &value_range, nb::arg("x"), nb::arg("outer"), nb::arg("inner"), nb::arg("low"), nb::arg("high"),
        "Smallest and largest finite number of each channel; returns how many are not finite.");
  m.def("choose_qparams", &choose_qparams, nb::arg("min"), nb::arg("max"), nb::arg("quant_min"), nb::arg("quant_max"),
        nb::arg("symmetric"), nb::arg("scale"), nb::arg("zero_point"), "Scale and zero point for each range.");
}

}  // namespace sprat::bindings
