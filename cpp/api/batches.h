// The mini-batches of a stretch: rows in the order asked for, in the network's dtype, gathered or where they lie.
#pragma once

#include <cstdint>

#include "api/checks.h"
#include "api/mlp.h"
#include "core/scratch.h"

namespace sprat {

class Batches {
 public:
  // What was checked before: see check_stretch. Borrows everything.
  Batches(const sprat_mlp& mlp, const sprat_training_data& data, const sprat_stretch& stretch);

  // Memory to gather a batch in. False: there is none.
  bool prepare(Scratch& scratch);

  // Batch `index`, valid until the next one, and the sum of its shares. Refused if a row number is out of range.
  sprat_status get(int64_t index, sprat_mlp_batch& batch, double& share) const;

 private:
  struct Column {
    const void* rows;      // NULL: there is none
    int64_t row_bytes;     // of the source
    int64_t values;        // in a row
    sprat_dtype from, to;  // the same for what is copied as it is
    void* buffer = nullptr;

    int64_t batch_row_bytes() const { return from == to ? row_bytes : values * item_size(to); }
    const char* row(int64_t index) const { return static_cast<const char*>(rows) + index * row_bytes; }
  };

  bool gathers(const Column& column) const {
    return column.rows && (stretch_.order != nullptr || column.from != column.to);
  }
  sprat_status check_order(int64_t begin, int64_t rows) const;
  void gather(const Column& column, int64_t begin, int64_t rows) const;
  template <class Copy>
  void gather_with(const Column& column, int64_t begin, int64_t rows, Copy&& copy) const;
  const void* batch_of(const Column& column, int64_t begin) const;
  double share_of(int64_t begin, int64_t rows) const;

  const sprat_training_data& data_;
  const sprat_stretch& stretch_;
  Column x_, target_, teacher_, weight_;
};

// What can be said of data and stretch before the first batch.
sprat_status check_stretch(const sprat_mlp& mlp, const sprat_training_data* data, const sprat_stretch* stretch);

}  // namespace sprat
