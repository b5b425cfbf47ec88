// Arrays of random numbers. Element i depends on (seed, stream, offset + i) only: the same on every machine, for every
// number of threads, and when one array is filled in several calls.
#pragma once

#include <cstdint>

namespace sprat {

// low + (high - low) u with u uniform in [0, 1): 24 random bits for float, 53 for double. Rounding may reach `high`.
void fill_uniform(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, float low, float high, float* out);
void fill_uniform(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double low, double high, double* out);

// mean + std z with z standard normal (core/normal.h), computed in double; a float array holds the rounded doubles.
void fill_normal(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double mean, double std, float* out);
void fill_normal(uint64_t seed, uint64_t stream, uint64_t offset, int64_t n, double mean, double std, double* out);

}  // namespace sprat
