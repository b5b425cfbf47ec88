// Whether the calling thread is working on a parallel region: a region inside it runs serially.
#pragma once

namespace sprat {

inline constinit thread_local bool inside_region = false;

}  // namespace sprat
