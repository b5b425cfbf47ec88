// SPRAT_UNROLL(times) unrolls the loop that follows. Not under the sanitizers: their checks of unrolled code take a
// minute to compile.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPRAT_UNROLL(times)
#else
#define SPRAT_PRAGMA(text) _Pragma(#text)
#define SPRAT_UNROLL(times) SPRAT_PRAGMA(GCC unroll times)
#endif
