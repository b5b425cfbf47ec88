#include "kernels/batch.h"

#include "core/rng.h"
#include "formulas/dropout.h"
#include "kernels/linear.h"
#include "kernels/panel.h"
#include "kernels/reduce.h"

SPRAT_ISA_BEGIN

template <class T>
void to_panels(const void* x, int64_t rows, int64_t columns, int64_t panel_begin, int64_t panel_end, void* panels) {
  constexpr int64_t kWidth = kPanelColumns<T>;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t first = panel * kWidth;
    transpose_into(static_cast<const T*>(x) + first * columns, columns, columns_of<T>(rows, panel), kWidth, columns,
                   static_cast<T*>(panels) + first * columns, kWidth);
  }
}

template <class T>
void from_panels(const void* panels, int64_t rows, int64_t columns, int64_t panel_begin, int64_t panel_end, void* x) {
  using V = Vec<T>;
  constexpr int64_t kWidth = kPanelColumns<T>, kLane = kLanes<V>;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const T* from = static_cast<const T*>(panels) + panel * kWidth * columns;
    T* to = static_cast<T*>(x) + panel * kWidth * columns;
    const int64_t count = columns_of<T>(rows, panel);
    if (columns == 1) {
      for (int64_t r = 0; r < count; r += kLane) V::load(from + r).store_partial(to + r, count - r);
      continue;
    }
    for (int64_t f = 0; f < columns; f += kLane) {
      for (int64_t r = 0; r < count; r += kLane) {
        V block[kLane];
        SPRAT_UNROLL(16)
        for (int64_t i = 0; i < kLane; ++i) {
          block[i] = f + i < columns ? V::load(from + (f + i) * kWidth + r) : V(T(0));
        }
        transpose(block);
        SPRAT_UNROLL(16)
        for (int64_t i = 0; i < kLane; ++i) {
          if (r + i < count) block[i].store_partial(to + (r + i) * columns + f, columns - f);
        }
      }
    }
  }
}

template <class T>
void pack_rows(const void* panels, int64_t rows, int64_t columns, int64_t begin, int64_t end, void* packed) {
  constexpr int64_t kWidth = kPanelColumns<T>;
  for (int64_t target = begin; target < end; ++target) {
    const int64_t first = target * kWidth, count = columns_of<T>(columns, target), width = width_of<T>(count);
    T* to = static_cast<T*>(packed) + (target - begin) * kWidth * rows;
    for (int64_t row = 0; row < rows; row += kWidth) {
      const T* from = static_cast<const T*>(panels) + row * columns + first * kWidth;
      transpose_into(from, kWidth, count, width, smaller(rows - row, kWidth), to + row * width, width);
    }
  }
}

// The 16 logical lanes of one feature.
template <class V>
struct RowLanes {
  using T = Scalar<V>;
  static constexpr int kRegisters = kReduceLanes / kLanes<V>;
  V lanes[kRegisters] = {};

  SPRAT_INLINE void add(const T* feature, int64_t panel_stride, int64_t row, int64_t end) {
    constexpr int64_t kWidth = kPanelColumns<T>;
    for (int i = 0; i < kRegisters; ++i, row += kLanes<V>) {
      if (row >= end) return;
      const T* at = feature + row / kWidth * panel_stride + row % kWidth;
      lanes[i] += end - row >= kLanes<V> ? V::load(at) : V::load_partial(at, end - row);
    }
  }

  SPRAT_INLINE T total() const {
    T sums[kReduceLanes];
    for (int i = 0; i < kRegisters; ++i) lanes[i].store(sums + i * kLanes<V>);
    return join_halves(sums);
  }
};

template <class T>
void sum_rows(const void* panels, int64_t rows, int64_t columns, int64_t begin, int64_t end, void* out) {
  constexpr int64_t kWidth = kPanelColumns<T>;
  for (int64_t f = begin; f < end; ++f) {
    T total = 0;
    for (int64_t block = 0; block < rows; block += kReduceBlock) {
      const int64_t block_end = smaller(block + kReduceBlock, rows);
      RowLanes<Vec<T>> lanes;
      for (int64_t row = block; row < block_end; row += kReduceLanes) {
        lanes.add(static_cast<const T*>(panels) + f * kWidth, columns * kWidth, row, block_end);
      }
      total = block == 0 ? lanes.total() : total + lanes.total();
    }
    static_cast<T*>(out)[f] = total;
  }
}

template <class T>
void dropout(const Dropout& dropout, int64_t first_row, int64_t panel_begin, int64_t panel_end, const void* x,
             void* y) {
  constexpr int64_t kWidth = kPanelColumns<T>;
  const Philox generator(dropout.seed);
  const int64_t columns = dropout.columns, blocks = divide_up(columns, 4);
  const InvertedDropout<T> formula(dropout.probability);

  uint32_t words[4][kWidth];
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const uint64_t row = static_cast<uint64_t>(first_row + panel * kWidth);
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t lane = 0; lane < kWidth; ++lane) {
        const uint64_t index = (row + static_cast<uint64_t>(lane)) * static_cast<uint64_t>(blocks);
        const RandomBlock random = generator.block(dropout.stream, index + static_cast<uint64_t>(block));
        for (int w = 0; w < 4; ++w) words[w][lane] = random.word[w];
      }
      for (int64_t w = 0; w < smaller(columns - 4 * block, 4); ++w) {
        const int64_t begin = (panel * columns + 4 * block + w) * kWidth;
        const T* in = static_cast<const T*>(x) + begin;
        T* out = static_cast<T*>(y) + begin;
        for (int64_t lane = 0; lane < kWidth; ++lane) {
          out[lane] = formula(in[lane], words[w][lane]);
        }
      }
    }
  }
}

template <class T>
constexpr BatchKernel batch_kernel = {to_panels<T>, from_panels<T>, pack_rows<T>, sum_rows<T>, dropout<T>};

SPRAT_ISA_END

namespace sprat::SPRAT_ISA {
extern const BatchKernels batch_kernels;
const BatchKernels batch_kernels = {{batch_kernel<float>, batch_kernel<double>}};
}  // namespace sprat::SPRAT_ISA
