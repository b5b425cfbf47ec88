// A batch in panels: row `row` is a column of panel row / width, feature f of it lies at
//
//   panels[(row / width * features + f) * width + row % width],        width = LinearKernel::panel_columns
//
// So a panel is B of a product (k = features), the product's C is the next layer's panels, and rows are the lanes of
// everything between. The last panel has its whole width in memory; what lies beyond the rows is of no interest.
#pragma once

#include <cstdint>

namespace sprat {

// Inverted dropout (Srivastava et al. 2014): an element stays, times 1 / (1 - probability), or becomes 0. Element
// (row, column) is decided by word column % 4 of Philox block (stream, row * ceil(columns / 4) + column / 4): it stays
// if the word's uniform number is not below the probability.
struct Dropout {
  uint64_t seed, stream;
  double probability;  // in [0, 1)
  int64_t columns;
};

// For one dtype. Pointers to panels are those of the first panel of the batch.
struct BatchKernel {
  // Panels [panel_begin, panel_end) of row-major x (rows, columns), and back. Lanes beyond the rows become 0.
  void (*to_panels)(const void* x, int64_t rows, int64_t columns, int64_t panel_begin, int64_t panel_end, void* panels);
  void (*from_panels)(const void* panels, int64_t rows, int64_t columns, int64_t panel_begin, int64_t panel_end,
                      void* x);
  // A batch as B of a product where k counts its rows (LinearKernel::pack of the row-major batch), from panels:
  // panels [begin, end) of columns, the first of them at `packed`.
  void (*pack_rows)(const void* panels, int64_t rows, int64_t columns, int64_t begin, int64_t end, void* packed);
  // out[f] = sum over rows of feature f, for f in [begin, end). Row i belongs to logical lane i % 16; lanes ascend
  // within blocks of kReduceBlock rows and are joined by halves (0 + 8, then 0 + 4, ...); block sums are added in
  // order.
  void (*sum_rows)(const void* panels, int64_t rows, int64_t columns, int64_t begin, int64_t end, void* out);
  // y = dropout(x), whose first row is row `first_row` for the generator. y may be x. The gradient is the same function
  // of the gradient.
  void (*dropout)(const Dropout& dropout, int64_t first_row, int64_t panel_begin, int64_t panel_end, const void* x,
                  void* y);
};

struct BatchKernels {
  BatchKernel of[2];  // by sprat_dtype: float32, float64
};

}  // namespace sprat
