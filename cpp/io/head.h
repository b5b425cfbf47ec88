// What every kind of model carries beside its numbers: the loss it was trained with, names of classes, a table's
// encoder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/fields.h"

namespace sprat::io {

struct Head {
  std::string loss;                  // empty: none
  std::vector<std::string> classes;  // their names in the order of their ids, the encoder's before others
};

// Proves and takes the fields loss, class_names and encoder.
Head read_head(Fields& fields, int64_t in_features, int64_t out_features);

// What an encoder says of itself.
struct Encoding {
  int64_t num_features = 0;
  std::vector<std::string> classes;  // empty unless its task is classification
};

// Proves a table's encoder as python/sprat/tabular/encoder.py does. The table itself is coded elsewhere.
Encoding read_encoder(JsonValue config);

}  // namespace sprat::io
