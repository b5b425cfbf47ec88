// The optional OpenMP backend of parallel_run.
#pragma once

#include "core/parallel.h"

namespace sprat {

#if defined(SPRAT_HAS_OPENMP)
inline constexpr bool kHasOpenMP = true;
// parallel_run with exactly `threads` >= 2 ranges. False, having done nothing, when it must be run serially: inside
// somebody's parallel region, while another caller is inside, and in a forked child, where gcc's runtime would wait for
// threads that are gone.
bool openmp_run(int64_t n, int64_t grain, int threads, RangeFunction function, void* context);
#else
inline constexpr bool kHasOpenMP = false;
inline bool openmp_run(int64_t, int64_t, int, RangeFunction, void*) { return false; }
#endif

}  // namespace sprat
