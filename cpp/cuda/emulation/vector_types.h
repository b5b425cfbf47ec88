// CUDA's small vectors and dim3, as far as sprat uses them: same size, same alignment.
#pragma once

#include <cstdint>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define SPRAT_EMULATED_VECTORS(name, T)                        \
  struct alignas(2 * sizeof(T)) name##2 {                      \
    T x, y;                                                    \
  };                                                           \
  struct alignas(sizeof(T) < 8 ? 4 * sizeof(T) : 16) name##4 { \
    T x, y, z, w;                                              \
  };                                                           \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }   \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

SPRAT_EMULATED_VECTORS(char, signed char)
SPRAT_EMULATED_VECTORS(uchar, unsigned char)
SPRAT_EMULATED_VECTORS(short, short)
SPRAT_EMULATED_VECTORS(ushort, unsigned short)
SPRAT_EMULATED_VECTORS(int, int)
SPRAT_EMULATED_VECTORS(uint, unsigned)
SPRAT_EMULATED_VECTORS(float, float)
SPRAT_EMULATED_VECTORS(longlong, long long)
SPRAT_EMULATED_VECTORS(ulonglong, unsigned long long)
SPRAT_EMULATED_VECTORS(double, double)
#undef SPRAT_EMULATED_VECTORS
