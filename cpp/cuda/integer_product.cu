// Products of integers: the tile of all products (product_tile.h) with dp4a on words of four codes.
#include "core/round_up.h"
#include "cuda/integer.h"
#include "cuda/launch.h"
#include "cuda/product_tile.h"
#include "formulas/quantize/requantize.h"

SPRAT_ISA_BEGIN

// Where exact sums go: rows of real numbers, or of codes.
struct IntegerEpilogue {
  cuda::IntegerLayer layer;
  const float* row_scales;  // NULL: static
  const int32_t* row_zero_points;
  const float* scales;
  const float* biases;
  float floor;
  float* y;       // NULL: codes
  int8_t* codes;  // (rows, code_stride(n))
  float* totals;  // int4: (rows, n), real sums of the groups so far

  __device__ int32_t zero_point(int64_t row) const { return row_zero_points ? row_zero_points[row] : layer.zero_point; }

  // Of one output: the exact sum of a group, with code - zero_point in the place of code - 128.
  __device__ int32_t exact(int32_t sum, int64_t row, int64_t place) const {
    return sum + (cuda::kCodeShift - zero_point(row)) * layer.weight_sums[place];
  }

  __device__ void store(int64_t row, int64_t column, const Four<int32_t>& sums, int block, bool is_last) const {
    const int64_t left = layer.n - column, groups = layer.group_size > 0 ? (layer.k - 1) / layer.group_size + 1 : 1;
    uint32_t word = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (j >= left) continue;
      const int64_t output = column + j, place = row * layer.n + output;
      float real, scale;
      if (layer.group_size == 0) {
        real = to_real(exact(sums.at[j], row, output));
        scale = row_scales ? row_scales[row] * scales[output] : scales[output];
      } else {
        const int64_t number = output * groups + block;
        const float before = block > 0 ? totals[place] : 0.0f;
        real = add_group(before, exact(sums.at[j], row, number), layer.weight_scales[number]);
        if (!is_last) totals[place] = real;
        scale = row_scales ? row_scales[row] : scales[0];
      }
      if (!is_last) continue;
      if (y) {
        y[place] = max(floor, requantize(real, scale, biases[output]));
      } else {
        const int32_t code = requantize_to_code(real, scale, biases[output], floor) - cuda::kCodeShift;
        word |= static_cast<uint32_t>(code & 255) << 8 * j;
      }
    }
    if (!y && is_last) *reinterpret_cast<uint32_t*>(codes + row * cuda::code_stride(layer.n) + column) = word;
  }
};

template <int kTile, int kSquares>
sprat_status launch_integers(const ProductArgs<int32_t>& args, const IntegerEpilogue& epilogue, void* stream) {
  const int64_t tiles = cuda::blocks_for(args.a.lines, kTile) * cuda::blocks_for(args.b.lines, kTile);
  return cuda::launch(multiply_tiles<int32_t, kTile, kSquares, true, true, IntegerEpilogue>,
                      dim3(static_cast<unsigned>(tiles)), dim3(ThreadPlace<kTile, kSquares>::kThreads), stream, args,
                      epilogue);
}

inline sprat_status multiply_integers(const cuda::IntegerLayer& layer, const cuda::Codes& in, int64_t rows,
                                      IntegerEpilogue epilogue, void* stream) {
  constexpr int64_t kWord = sizeof(int32_t);
  const int64_t words = cuda::code_stride(layer.k) / kWord;
  epilogue.layer = layer;
  epilogue.row_scales = in.scales;
  epilogue.row_zero_points = in.zero_points;
  const int64_t block = layer.group_size > 0 ? layer.group_size / kWord : round_up(words, kMostDepth);
  const ProductArgs<int32_t> args{{reinterpret_cast<const int32_t*>(in.codes), rows, words},
                                  {reinterpret_cast<const int32_t*>(layer.weight), layer.n, words},
                                  words,
                                  block,
                                  round_up(words, block),
                                  true,
                                  true};
  // Groups of 32 inputs are strips of 8 words, which tiles of four squares have.
  constexpr int64_t kManyTiles = 128;
  const bool large = cuda::blocks_for(rows, 64) * cuda::blocks_for(layer.n, 64) >= kManyTiles;
  if (large || layer.group_size > 0) return launch_integers<64, 2>(args, epilogue, stream);
  return launch_integers<32, 1>(args, epilogue, stream);
}

SPRAT_ISA_END

namespace sprat::cuda {

sprat_status multiply_to_reals(const IntegerLayer& layer, const Codes& in, int64_t rows, float floor, float* y,
                               float* totals, void* stream) {
  IntegerEpilogue epilogue{};
  epilogue.scales = layer.reals.scales;
  epilogue.biases = layer.reals.biases;
  epilogue.floor = floor;
  epilogue.y = y;
  epilogue.totals = totals;
  return multiply_integers(layer, in, rows, epilogue, stream);
}

sprat_status multiply_to_codes(const IntegerLayer& layer, const Codes& in, int64_t rows, float floor, int8_t* q,
                               float* totals, void* stream) {
  IntegerEpilogue epilogue{};
  epilogue.scales = layer.codes.scales;
  epilogue.biases = layer.codes.biases;
  epilogue.floor = floor;
  epilogue.codes = q;
  epilogue.totals = totals;
  return multiply_integers(layer, in, rows, epilogue, stream);
}

}  // namespace sprat::cuda
