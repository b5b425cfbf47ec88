// Real numbers to codes and back. The division is IEEE's own: memory is slower than it.
#include "api/quantize_checks.h"
#include "cuda/channels.h"
#include "cuda/launch.h"
#include "cuda/pack.h"
#include "formulas/quantize/affine.h"
#include "formulas/quantize/choose_qparams.h"
#include "storage/list.h"

SPRAT_ISA_BEGIN

template <class Format, class T>
struct QuantizerView {
  using Code = typename Format::Element;
  ChannelShape shape;
  const T* scales;
  const Code* zero_points;  // NULL: all 0
  T quant_min, quant_max;
  int64_t length;

  __device__ SPRAT_INLINE Affine<T> affine(int64_t channel) const {
    return {scales[channel], zero_points ? T(zero_points[channel]) : T(0), quant_min, quant_max};
  }
};

// run(affine, k) for the elements i + k of a pack.
template <class Format, class T, class Run>
__device__ SPRAT_INLINE void for_pack(const QuantizerView<Format, T>& view, int64_t i, const Run& run) {
  ChannelWalk walk(view.shape, i);
  for (int k = 0; k < Pack<T>::kCount; ++k) {
    run(view.affine(walk.channel()), k);
    walk.advance();
  }
}
template <class Format, class T>
__device__ SPRAT_INLINE Affine<T> affine_at(const QuantizerView<Format, T>& view, int64_t i) {
  return view.affine(ChannelWalk(view.shape, i).channel());
}

template <class Format, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    quantize(QuantizerView<Format, T> view, const T* x, typename Format::Element* q, bool packs) {
  using Code = typename Format::Element;
  for_chunk<T>(
      blockIdx.x * kChunk<T>, view.length, packs,
      [&](int64_t i) {
        const Pack<T> values = load_pack<Pack<T>>(x + i);
        PackOfBytes<T, Code> codes;
        for_pack(view, i, [&](const Affine<T>& affine, int k) {
          codes.at[k] = static_cast<Code>(round_to_int(affine.quantize(values.at[k])));
        });
        store_pack(q + i, codes);
      },
      [&](int64_t i) { q[i] = static_cast<Code>(round_to_int(affine_at(view, i).quantize(x[i]))); });
}

template <class Format, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    dequantize(QuantizerView<Format, T> view, const typename Format::Element* q, T* x, bool packs) {
  using Code = typename Format::Element;
  for_chunk<T>(
      blockIdx.x * kChunk<T>, view.length, packs,
      [&](int64_t i) {
        const auto codes = load_pack<PackOfBytes<T, Code>>(q + i);
        Pack<T> values;
        for_pack(view, i, [&](const Affine<T>& affine, int k) { values.at[k] = affine.dequantize(T(codes.at[k])); });
        store_pack(x + i, values);
      },
      [&](int64_t i) { x[i] = affine_at(view, i).dequantize(T(q[i])); });
}

template <class Format, class T>
__global__ void __launch_bounds__(cuda::kThreads)
    fake_quantize(QuantizerView<Format, T> view, const T* x, T* y, uint8_t* inside, bool packs) {
  for_chunk<T>(
      blockIdx.x * kChunk<T>, view.length, packs,
      [&](int64_t i) {
        Pack<T> values = load_pack<Pack<T>>(x + i);
        PackOfBytes<T> passes;
        for_pack(view, i, [&](const Affine<T>& affine, int k) {
          passes.at[k] = affine.passes_gradient(values.at[k]);
          values.at[k] = affine.dequantize(affine.quantize(values.at[k]));
        });
        store_pack(y + i, values);
        if (inside) store_pack(inside + i, passes);
      },
      [&](int64_t i) {
        const Affine<T> affine = affine_at(view, i);
        const T value = x[i];
        y[i] = affine.dequantize(affine.quantize(value));
        if (inside) inside[i] = affine.passes_gradient(value);
      });
}

template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    choose(const T* low, const T* high, int64_t n, int32_t quant_min, int32_t quant_max, bool symmetric, T* scales,
           int32_t* zero_points) {
  const int64_t i = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x;
  if (i >= n) return;
  const QParams<T> chosen = choose_qparams(low[i], high[i], quant_min, quant_max, symmetric);
  scales[i] = chosen.scale;
  zero_points[i] = chosen.zero_point;
}

template <class Format, class T>
QuantizerView<Format, T> view_of(const sprat_quantizer& quantizer) {
  const int64_t length = length_of(quantizer);
  return {{quantizer.channels, quantizer.inner, length <= UINT32_MAX && quantizer.channels <= UINT32_MAX},
          static_cast<const T*>(quantizer.scales),
          static_cast<const typename Format::Element*>(quantizer.zero_points),
          T(quantizer.quant_min),
          T(quantizer.quant_max),
          length};
}

template <class Format, class T>
sprat_status run_quantize(const sprat_quantizer& quantizer, const void* x, void* q, void* stream) {
  const auto grid = static_cast<unsigned>(cuda::blocks_for(length_of(quantizer), kChunk<T>));
  return cuda::launch(quantize<Format, T>, grid, cuda::kThreads, stream, view_of<Format, T>(quantizer),
                      static_cast<const T*>(x), static_cast<typename Format::Element*>(q),
                      allow_packs<T>(x) && allow_byte_packs<T>(q));
}
template <class Format, class T>
sprat_status run_dequantize(const sprat_quantizer& quantizer, const void* q, void* x, void* stream) {
  const auto grid = static_cast<unsigned>(cuda::blocks_for(length_of(quantizer), kChunk<T>));
  return cuda::launch(dequantize<Format, T>, grid, cuda::kThreads, stream, view_of<Format, T>(quantizer),
                      static_cast<const typename Format::Element*>(q), static_cast<T*>(x),
                      allow_packs<T>(x) && allow_byte_packs<T>(q));
}
template <class Format, class T>
sprat_status run_fake_quantize(const sprat_quantizer& quantizer, const void* x, void* y, uint8_t* inside,
                               void* stream) {
  const auto grid = static_cast<unsigned>(cuda::blocks_for(length_of(quantizer), kChunk<T>));
  return cuda::launch(fake_quantize<Format, T>, grid, cuda::kThreads, stream, view_of<Format, T>(quantizer),
                      static_cast<const T*>(x), static_cast<T*>(y), inside,
                      allow_packs<T>(x) && allow_packs<T>(y) && allow_byte_packs<T>(inside));
}

// By sprat_dtype of the real numbers: float32, float64.
struct QuantizeRow {
  sprat_dtype dtype;
  int32_t min, max;
  sprat_status (*quantize[2])(const sprat_quantizer&, const void*, void*, void*);
  sprat_status (*dequantize[2])(const sprat_quantizer&, const void*, void*, void*);
  sprat_status (*fake_quantize[2])(const sprat_quantizer&, const void*, void*, uint8_t*, void*);
};
template <class... Formats>
struct QuantizeRows {
  static constexpr QuantizeRow list[sizeof...(Formats)] = {
      {Formats::kDtype,
       Formats::kMin,
       Formats::kMax,
       {run_quantize<Formats, float>, run_quantize<Formats, double>},
       {run_dequantize<Formats, float>, run_dequantize<Formats, double>},
       {run_fake_quantize<Formats, float>, run_fake_quantize<Formats, double>}}...};
};

// The row of a quantizer that is right, into *row.
sprat_status find_row(const sprat_quantizer* quantizer, const QuantizeRow** row) {
  *row = nullptr;
  for (const QuantizeRow& candidate : QuantizedFormats<QuantizeRows>::list) {
    if (quantizer && candidate.dtype == quantizer->integer) *row = &candidate;
  }
  return check_quantizer_fields(quantizer, *row, *row ? (*row)->min : 0, *row ? (*row)->max : 0);
}

SPRAT_ISA_END

sprat_status sprat_cuda_quantize(const sprat_quantizer* quantizer, const void* x, void* q, void* stream) noexcept {
  using namespace sprat;
  const QuantizeRow* row;
  SPRAT_RETURN_IF_REFUSED(find_row(quantizer, &row));
  SPRAT_RETURN_IF_REFUSED(check_quantize_sides(*quantizer, x, q));
  return row->quantize[quantizer->real](*quantizer, x, q, stream);
}

sprat_status sprat_cuda_dequantize(const sprat_quantizer* quantizer, const void* q, void* x, void* stream) noexcept {
  using namespace sprat;
  const QuantizeRow* row;
  SPRAT_RETURN_IF_REFUSED(find_row(quantizer, &row));
  SPRAT_RETURN_IF_REFUSED(check_quantize_sides(*quantizer, x, q));
  return row->dequantize[quantizer->real](*quantizer, q, x, stream);
}

sprat_status sprat_cuda_fake_quantize(const sprat_quantizer* quantizer, const void* x, void* y, uint8_t* inside,
                                      void* stream) noexcept {
  using namespace sprat;
  const QuantizeRow* row;
  SPRAT_RETURN_IF_REFUSED(find_row(quantizer, &row));
  SPRAT_RETURN_IF_REFUSED(check_fake_quantize_sides(*quantizer, x, y, inside));
  return row->fake_quantize[quantizer->real](*quantizer, x, y, inside, stream);
}

sprat_status sprat_cuda_choose_qparams(sprat_dtype real, int64_t n, const void* low, const void* high,
                                       int32_t quant_min, int32_t quant_max, int32_t symmetric, void* scales,
                                       int32_t* zero_points, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_choose_qparams(real, n, low, high, quant_min, quant_max, scales, zero_points));
  const auto grid = static_cast<unsigned>(cuda::blocks_for(n, cuda::kThreads));
  const auto run = [&]<class T>(T) {
    return cuda::launch(choose<T>, grid, cuda::kThreads, stream, static_cast<const T*>(low),
                        static_cast<const T*>(high), n, quant_min, quant_max, symmetric != 0, static_cast<T*>(scales),
                        zero_points);
  };
  return real == SPRAT_FLOAT32 ? run(float{}) : run(double{});
}
