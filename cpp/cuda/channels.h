// Which channel an element of an array seen as (outer, channels, inner) belongs to.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/macros.h"

SPRAT_ISA_BEGIN

struct ChannelShape {
  int64_t channels, inner;
  bool is_small;  // all indices fit 32 bits: a division of 64 bits takes a hundred instructions

  __device__ SPRAT_INLINE int64_t quotient(int64_t a, int64_t b) const {
    return is_small ? int64_t{static_cast<uint32_t>(a) / static_cast<uint32_t>(b)} : a / b;
  }
};

// Walks along neighbouring elements with one pair of divisions, none where there is one channel.
class ChannelWalk {
 public:
  __device__ SPRAT_INLINE ChannelWalk(const ChannelShape& shape, int64_t i) : shape_(shape) {
    if (shape.channels == 1) return;
    const int64_t row = shape.quotient(i, shape.inner);
    rest_ = i - row * shape.inner;
    channel_ = row - shape.quotient(row, shape.channels) * shape.channels;
  }
  __device__ SPRAT_INLINE int64_t channel() const { return channel_; }
  __device__ SPRAT_INLINE void advance() {
    if (shape_.channels == 1 || ++rest_ < shape_.inner) return;
    rest_ = 0;
    if (++channel_ == shape_.channels) channel_ = 0;
  }

 private:
  const ChannelShape& shape_;
  int64_t channel_ = 0, rest_ = 0;
};

SPRAT_ISA_END
