// All tensors of all groups of a step, end to end on one line of elements.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sprat/sprat.h"

namespace sprat {

inline int64_t group_length(const sprat_optimizer_group& group) {
  int64_t length = 0;
  for (int64_t t = 0; t < group.num_tensors; ++t) length += group.tensors[t].length;
  return length;
}

// A place on the line that moves forward only, so that walking over many small tensors costs little.
class LineCursor {
 public:
  LineCursor(const sprat_optimizer_group* groups, int64_t num_groups) : group_(groups), end_(groups + num_groups) {}

  // visit(group, tensor, first, last, position): elements [first, last) of a tensor, whose first element has that
  // position on the line; for all pieces of [begin, end). begin must not lie before the end of the last call.
  template <class Visit>
  void for_each_piece(int64_t begin, int64_t end, Visit&& visit) {
    for (; group_ != end_; ++group_, tensor_ = 0) {
      for (; tensor_ < group_->num_tensors; ++tensor_) {
        const sprat_optimizer_tensor& tensor = group_->tensors[tensor_];
        const int64_t first = std::max(begin - offset_, int64_t{0}), last = std::min(end - offset_, tensor.length);
        if (first < last) visit(*group_, tensor, first, last, offset_ + first);
        if (offset_ + tensor.length >= end) return;  // the next call may need this tensor again
        offset_ += tensor.length;
      }
    }
  }

 private:
  const sprat_optimizer_group* group_;
  const sprat_optimizer_group* end_;
  int64_t tensor_ = 0;
  int64_t offset_ = 0;  // of that tensor on the line
};

}  // namespace sprat
