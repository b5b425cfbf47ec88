// What can be called with rows: the native side of a model.
#pragma once

#include "bindings/array.h"

namespace sprat::bindings {

struct Runner {
  Runner(Dtype dtype_, int64_t in_features_, int64_t out_features_, int64_t multiply_adds_)
      : dtype(dtype_), in_features(in_features_), out_features(out_features_), multiply_adds(multiply_adds_) {}
  virtual ~Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // out (rows, out_features) for x (rows, in_features), both checked. May run without the GIL, in many threads at once.
  virtual sprat_status run(const void* x, int64_t rows, void* out) const noexcept = 0;

  // To let go of the GIL and to take it back costs 40 ns, and much more where another thread is waiting for it: it
  // then has to be woken, and we wait for it in turn. Nobody gains by that when the work takes about a microsecond,
  // as this many multiply-adds do (rows that are read once, at 16 multiply-adds a nanosecond).
  bool is_short(int64_t rows) const { return rows <= kShort && rows * multiply_adds <= kShort; }

  const Dtype dtype;
  const int64_t in_features, out_features;
  const int64_t multiply_adds;  // of one row

 private:
  static constexpr int64_t kShort = 16384;
};

// runner.run(...), without the GIL if that is worth it.
inline sprat_status run(const Runner& runner, const void* x, int64_t rows, void* out) {
  if (runner.is_short(rows)) return runner.run(x, rows, out);
  nb::gil_scoped_release release;
  return runner.run(x, rows, out);
}

}  // namespace sprat::bindings
