// Memory of several megabytes on huge pages, where the system offers them: fewer address translations, and neighbouring
// lines do not collide in the second-level cache as those of scattered small pages do.
#pragma once

#include <cstddef>
#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace sprat {

inline constexpr size_t kHugePage = size_t{2} << 20;

// aligned_alloc, on huge pages if `bytes` fills at least one.
inline void* allocate_pages(size_t alignment, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes >= kHugePage) {
    const size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    if (whole < bytes) return nullptr;
    void* memory = std::aligned_alloc(kHugePage, whole);
    if (memory) madvise(memory, whole, MADV_HUGEPAGE);  // advice: a refusal changes nothing
    return memory;
  }
#endif
  return std::aligned_alloc(alignment, bytes);
}

}  // namespace sprat
