// Macros that every room may use.
#pragma once

// Code that is compiled once per instruction set lives in an anonymous namespace: each copy keeps internal
// linkage, so the linker can never pick an AVX-512 copy of a template for code that runs on an older CPU.
#define SPRAT_ISA_BEGIN \
  namespace sprat {     \
  namespace {
#define SPRAT_ISA_END \
  }                   \
  }

// A formula runs on the host and, compiled by nvcc, on the device.
#ifdef __CUDACC__
#define SPRAT_HD __host__ __device__
#else
#define SPRAT_HD
#endif

#define SPRAT_INLINE [[gnu::always_inline]] inline
// After the parameters of a lambda that a loop calls in several unrolled places.
#define SPRAT_INLINE_LAMBDA __attribute__((always_inline))
#define SPRAT_NOINLINE [[gnu::noinline]]
#define SPRAT_RESTRICT __restrict__
