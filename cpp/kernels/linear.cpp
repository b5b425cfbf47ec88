#include "kernels/linear.h"

#include "core/unroll.h"
#include "simd/transpose.h"

SPRAT_ISA_BEGIN

// The register tile: kMaxRows x kPanelVecs registers of sums, kPanelVecs of B and one of A must fit the register file,
// and at least (latency x pipes) sums must be in flight. See kernels/README.md.
constexpr int kPanelVecs = 2;
#if defined(SPRAT_ISA_AVX512) || defined(SPRAT_ISA_AVX512_VNNI) || defined(SPRAT_ISA_NEON)
constexpr int kMaxRows = 8;  // 32 registers
#elif defined(SPRAT_ISA_AVX2)
constexpr int kMaxRows = 6;  // 16 registers
#else
constexpr int kMaxRows = 4;  // 16 registers, and fma takes some for its emulation
#endif

template <class T>
constexpr int64_t kPanelColumns = kPanelVecs* kLanes<Vec<T>>;

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Columns that a panel holds, and the columns it takes in memory (whole registers).
template <class T>
SPRAT_INLINE int64_t columns_of(int64_t n, int64_t panel) {
  return smaller(n - panel * kPanelColumns<T>, kPanelColumns<T>);
}
template <class T>
SPRAT_INLINE int64_t width_of(int64_t columns) {
  return divide_up(columns, kLanes<Vec<T>>) * kLanes<Vec<T>>;
}

template <class T>
int64_t packed_size(int64_t k, int64_t n) {
  return k * width_of<T>(n);
}

// Where k is contiguous: square blocks, transposed in registers.
template <class T>
SPRAT_INLINE void pack_transposed(const T* b, int64_t n_stride, int64_t k, int64_t columns, int64_t width, T* out) {
  using V = Vec<T>;
  constexpr int64_t kLane = kLanes<V>;
  for (int64_t i = 0; i < k; i += kLane) {
    for (int64_t j = 0; j < width; j += kLane) {
      V block[kLane];
      SPRAT_UNROLL(16)
      for (int64_t c = 0; c < kLane; ++c) {
        block[c] = V::load_partial(b + (j + c) * n_stride + i, j + c < columns ? k - i : 0);
      }
      transpose(block);
      SPRAT_UNROLL(16)
      for (int64_t r = 0; r < kLane; ++r) {
        if (i + r < k) block[r].store(out + (i + r) * width + j);
      }
    }
  }
}

template <class T>
void pack_panel(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t columns, int64_t width, T* out) {
  using V = Vec<T>;
  if (n_stride == 1) {
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < width; j += kLanes<V>) {
        V::load_partial(b + i * k_stride + j, columns - j).store(out + i * width + j);
      }
    }
    return;
  }
  pack_transposed(b, n_stride, k, columns, width, out);
}

template <class T>
void pack(const Matrix& b, int64_t k, int64_t n, int64_t panel_begin, int64_t panel_end, void* packed) {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t first = panel * kPanelColumns<T>;
    const int64_t columns = columns_of<T>(n, panel);
    pack_panel(static_cast<const T*>(b.data) + first * b.column_stride, b.row_stride, b.column_stride, k, columns,
               width_of<T>(columns), static_cast<T*>(packed) + first * k);
  }
}

// What a tile works on: pointers moved to its first row and column.
template <class T>
struct TileArgs {
  const T* a;
  int64_t a_row_stride, a_k_stride;
  const T* b;
  int64_t k, block;
  T* c;
  int64_t c_stride;
  const T* bias;
  int64_t columns;
};

// kRows x (kPanels * kVecs) registers of sums, over all of k. The panels lie one behind the other, k * width apart.
template <class T, int kRows, int kVecs, int kPanels>
SPRAT_NOINLINE void multiply_tile(const TileArgs<T>& t) {
  using V = Vec<T>;
  constexpr int kLane = kLanes<V>, kWidth = kVecs * kLane, kAll = kVecs * kPanels;
  const int64_t panel_stride = t.k * kWidth;
  for (int64_t block = 0; block < t.k; block += t.block) {
    const int64_t block_end = smaller(block + t.block, t.k);
    V sum[kRows][kAll];
    SPRAT_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      SPRAT_UNROLL(8)
      for (int v = 0; v < kAll; ++v) sum[r][v] = V(T(0));
    }
    const T* a = t.a + block * t.a_k_stride;
    const T* b = t.b + block * kWidth;
    for (int64_t k = block; k < block_end; ++k, a += t.a_k_stride, b += kWidth) {
      V column[kAll];
      SPRAT_UNROLL(8)
      for (int v = 0; v < kAll; ++v) column[v] = V::load(b + (v / kVecs) * panel_stride + (v % kVecs) * kLane);
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        const V value(a[r * t.a_row_stride]);
        SPRAT_UNROLL(8)
        for (int v = 0; v < kAll; ++v) sum[r][v] = fma(value, column[v], sum[r][v]);
      }
    }
    const bool is_first = block == 0, is_last = block_end == t.k;
    SPRAT_UNROLL(8)
    for (int v = 0; v < kAll; ++v) {
      const int64_t j = v * kLane, left = t.columns - j;
      const bool add_bias = is_last && t.bias;
      const V bias = add_bias ? V::load_partial(t.bias + j, left) : V(T(0));
      SPRAT_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        T* c = t.c + r * t.c_stride + j;
        V total = sum[r][v];
        if (!is_first) total = V::load_partial(c, left) + total;
        if (add_bias) total = total + bias;
        total.store_partial(c, left);
      }
    }
  }
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

// tiles<T, kVecs, kPanels>.of[r - 1]: the tile of r rows. One row alone would wait for each sum before the next, so few
// rows take several panels at once.
template <class T, int kVecs, int kPanels, int kRows>
struct Tiles;
template <class T, int kVecs, int kPanels>
struct Tiles<T, kVecs, kPanels, 8> {
  static constexpr Tile<T> of[] = {multiply_tile<T, 1, kVecs, kPanels>, multiply_tile<T, 2, kVecs, kPanels>,
                                   multiply_tile<T, 3, kVecs, kPanels>, multiply_tile<T, 4, kVecs, kPanels>,
                                   multiply_tile<T, 5, kVecs, kPanels>, multiply_tile<T, 6, kVecs, kPanels>,
                                   multiply_tile<T, 7, kVecs, kPanels>, multiply_tile<T, 8, kVecs, kPanels>};
};
template <class T, int kVecs, int kPanels>
struct Tiles<T, kVecs, kPanels, 6> {
  static constexpr Tile<T> of[] = {multiply_tile<T, 1, kVecs, kPanels>, multiply_tile<T, 2, kVecs, kPanels>,
                                   multiply_tile<T, 3, kVecs, kPanels>, multiply_tile<T, 4, kVecs, kPanels>,
                                   multiply_tile<T, 5, kVecs, kPanels>, multiply_tile<T, 6, kVecs, kPanels>};
};
template <class T, int kVecs, int kPanels>
struct Tiles<T, kVecs, kPanels, 4> {
  static constexpr Tile<T> of[] = {multiply_tile<T, 1, kVecs, kPanels>, multiply_tile<T, 2, kVecs, kPanels>,
                                   multiply_tile<T, 3, kVecs, kPanels>, multiply_tile<T, 4, kVecs, kPanels>};
};

template <class T>
void multiply_rows(const LinearProduct& p, int64_t row, int64_t rows, int64_t panel_begin, int64_t panel_end) {
  TileArgs<T> t;
  t.a = static_cast<const T*>(p.a.data) + row * p.a.row_stride;
  t.a_row_stride = p.a.row_stride;
  t.a_k_stride = p.a.column_stride;
  t.k = p.k;
  t.block = p.block > 0 ? p.block : p.k;
  t.c_stride = p.c_stride;
  int64_t panels_at_once = 1;
  for (int64_t panel = panel_begin; panel < panel_end; panel += panels_at_once) {
    const int64_t first = panel * kPanelColumns<T>;
    t.b = static_cast<const T*>(p.packed) + first * p.k;
    t.c = static_cast<T*>(p.c) + row * p.c_stride + first;
    t.bias = p.bias ? static_cast<const T*>(p.bias) + first : nullptr;
    t.columns = columns_of<T>(p.n, panel);
    const int64_t columns_ahead = smaller(p.n, panel_end * kPanelColumns<T>) - first;
    panels_at_once = 1;
    if (rows == 1 && columns_ahead >= 4 * kPanelColumns<T>) {
      panels_at_once = 4;
    } else if (rows <= 3 && columns_ahead >= 2 * kPanelColumns<T>) {
      panels_at_once = 2;
    }
    t.columns = smaller(columns_ahead, panels_at_once * kPanelColumns<T>);
    if (panels_at_once == 4) {
      multiply_tile<T, 1, kPanelVecs, 4>(t);
    } else if (panels_at_once == 2) {
      if (rows == 1) multiply_tile<T, 1, kPanelVecs, 2>(t);
      if (rows == 2) multiply_tile<T, 2, kPanelVecs, 2>(t);
      if (rows == 3) multiply_tile<T, 3, kPanelVecs, 2>(t);
    } else if (t.columns > kLanes<Vec<T>>) {
      Tiles<T, kPanelVecs, 1, kMaxRows>::of[rows - 1](t);
    } else {
      Tiles<T, 1, 1, kMaxRows>::of[rows - 1](t);
    }
  }
}

// The rows in as few tiles as they need, as even as they can be: 9 rows are 5 + 4, not 8 + 1.
template <class T>
void multiply(const LinearProduct& p, int64_t row_begin, int64_t row_end, int64_t panel_begin, int64_t panel_end) {
  const int64_t rows = row_end - row_begin, tiles = divide_up(rows, kMaxRows);
  int64_t row = row_begin;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t end = row_begin + (tile + 1) * (rows / tiles) + smaller(tile + 1, rows % tiles);
    multiply_rows<T>(p, row, end - row, panel_begin, panel_end);
    row = end;
  }
}

template <class V, int kVecs>
SPRAT_INLINE void sum_columns(const Scalar<V>* a, int64_t stride, int64_t rows, int64_t columns, Scalar<V>* out) {
  V total[kVecs];
  for (int v = 0; v < kVecs; ++v) total[v] = V(Scalar<V>(0));
  for (int64_t block = 0; block < rows; block += kReduceBlock) {
    const int64_t block_end = smaller(block + kReduceBlock, rows);
    V sum[kVecs];
    for (int v = 0; v < kVecs; ++v) sum[v] = V(Scalar<V>(0));
    for (int64_t row = block; row < block_end; ++row) {
      for (int v = 0; v < kVecs; ++v) {
        sum[v] = sum[v] + V::load_partial(a + row * stride + v * kLanes<V>, columns - v * kLanes<V>);
      }
    }
    for (int v = 0; v < kVecs; ++v) total[v] = total[v] + sum[v];
  }
  for (int v = 0; v < kVecs; ++v) total[v].store_partial(out + v * kLanes<V>, columns - v * kLanes<V>);
}

template <class T>
void sum_rows(const Matrix& a, int64_t rows, int64_t begin, int64_t end, void* out) {
  using V = Vec<T>;
  constexpr int kVecs = 4;
  const T* data = static_cast<const T*>(a.data);
  T* sums = static_cast<T*>(out);
  int64_t j = begin;
  for (; j + kVecs * kLanes<V> <= end; j += kVecs * kLanes<V>) {
    sum_columns<V, kVecs>(data + j, a.row_stride, rows, kVecs * kLanes<V>, sums + j);
  }
  for (; j < end; j += kLanes<V>) sum_columns<V, 1>(data + j, a.row_stride, rows, end - j, sums + j);
}

template <class T>
constexpr LinearKernel kernel_of = {kPanelColumns<T>, kMaxRows, packed_size<T>, pack<T>, multiply<T>, sum_rows<T>};

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LinearKernels linear_kernels;
const LinearKernels linear_kernels = {{kernel_of<float>, kernel_of<double>}};
}  // namespace sprat::SPRAT_ISA
