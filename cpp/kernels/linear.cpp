#include "kernels/linear.h"

#include "kernels/tile.h"

SPRAT_ISA_BEGIN

template <class T>
int64_t packed_size(int64_t k, int64_t n) {
  return k * width_of<T>(n);
}

template <class T>
void pack_panel(const T* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t columns, int64_t width, T* out) {
  using V = Vec<T>;
  if (n_stride != 1) return transpose_into(b, n_stride, columns, width, k, out, width);
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < width; j += kLanes<V>) {
      V::load_partial(b + i * k_stride + j, columns - j).store(out + i * width + j);
    }
  }
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

template <class T>
SPRAT_INLINE int64_t panels_at_once(int64_t rows, int64_t columns_ahead) {
  if (rows == 1 && columns_ahead >= 4 * kPanelColumns<T>) return 4;
  return rows <= 3 && columns_ahead >= 2 * kPanelColumns<T> ? 2 : 1;
}

template <class T>
void multiply_rows(const LinearProduct& p, int64_t row, int64_t rows, int64_t panel_begin, int64_t panel_end) {
  const bool in_panels = p.c_panel_stride > 0;
  const T* bias = static_cast<const T*>(p.bias);
  TileArgs<T> t;
  t.a = static_cast<const T*>(p.a.data) + row * p.a.row_stride;
  t.a_row_stride = p.a.row_stride;
  t.a_k_stride = p.a.column_stride;
  t.segment = p.segment > 0 ? p.segment : p.k;
  t.segment_stride = p.segment_stride;
  t.b_panel_stride = p.k * kPanelColumns<T>;
  t.k = p.k;
  t.block = p.block > 0 ? p.block : p.k;
  t.c_stride = p.c_stride;
  t.c_panel_stride = in_panels ? p.c_panel_stride : kPanelColumns<T>;
  const bool adds_or_clamps = bias || p.epilogue == Epilogue::kRelu;
  t.row_bias = bias && in_panels ? bias + row : adds_or_clamps ? kNoBias<T> : nullptr;
  t.floor = p.epilogue == Epilogue::kRelu ? T(0) : -T(__builtin_inf());
  int64_t panels = 1;
  for (int64_t panel = panel_begin; panel < panel_end; panel += panels) {
    const int64_t first = panel * kPanelColumns<T>;
    const int64_t columns_ahead = smaller(p.n, panel_end * kPanelColumns<T>) - first;
    panels = panels_at_once<T>(rows, columns_ahead);
    const int64_t columns = smaller(columns_ahead, panels * kPanelColumns<T>);
    const int64_t place = row * p.c_stride + panel * t.c_panel_stride;
    t.b = static_cast<const T*>(p.b) + first * p.k;
    t.b_stride = in_panels ? kPanelColumns<T> : width_of<T>(smaller(columns, kPanelColumns<T>));
    t.c = static_cast<T*>(p.c) + place;
    t.gate = p.epilogue == Epilogue::kReluGradient ? static_cast<const T*>(p.gate) + place : nullptr;
    t.column_bias = bias && !in_panels ? bias + first : nullptr;
    t.columns = in_panels ? width_of<T>(columns) : columns;
    tile_of<T>(rows, panels, columns)(t);
  }
}

// The rows in as few tiles as they need, as even as they can be: 9 rows are 5 + 4, not 8 + 1.
template <class T>
void multiply(const LinearProduct& p, int64_t row_begin, int64_t row_end, int64_t panel_begin, int64_t panel_end) {
  if (row_begin >= row_end) return;
  const int64_t tiles = divide_up(row_end - row_begin, kMaxRows);
  const int64_t height = (row_end - row_begin) / tiles, higher = (row_end - row_begin) % tiles;
  int64_t row = row_begin;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t rows = height + (tile < higher);
    multiply_rows<T>(p, row, rows, panel_begin, panel_end);
    row += rows;
  }
}

template <class T>
constexpr LinearKernel kernel_of = {kPanelColumns<T>, kMaxRows, packed_size<T>, pack<T>, multiply<T>};

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const LinearKernels linear_kernels;
const LinearKernels linear_kernels = {{kernel_of<float>, kernel_of<double>}};
}  // namespace sprat::SPRAT_ISA
