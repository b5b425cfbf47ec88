// parallel_for: the one way in which sprat uses more than one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace sprat {

using RangeFunction = void (*)(void* context, int64_t begin, int64_t end);

// Calls function(context, begin, end) on contiguous ranges that cover [0, n) exactly once; every range begins at a
// multiple of `grain` (a grain below 1 counts as 1). How many ranges there are, and who runs them, is free:
// results must not depend on it. One call on the calling thread when n <= grain, when num_threads() is 1, inside
// another parallel_run, and when another thread is using the workers at this moment (nobody ever waits for them).
// Every range runs in the default floating-point mode (core/float_mode.h). The function must not throw.
void parallel_run(int64_t n, int64_t grain, RangeFunction function, void* context);

// body(int64_t begin, int64_t end), called as parallel_run describes, possibly from several threads at once.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& body) {
  using Body = std::remove_reference_t<F>;
  auto call = [](void* context, int64_t begin, int64_t end) { (*static_cast<Body*>(context))(begin, end); };
  parallel_run(n, grain, call, const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

}  // namespace sprat
