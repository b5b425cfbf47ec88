// sprat's files: safetensors whose metadata say format version, kind and configuration.
//   {"sprat": "1", "kind": "mlp", "config": "<JSON>"}
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/header.h"

namespace sprat::io {

// What a tensor shall be.
struct TensorSpec {
  std::string name;
  Dtype dtype;
  std::vector<int64_t> shape;
};

// A proved header.
class Container {
 public:
  explicit Container(const Source& source);

  std::string_view kind() const { return kind_; }
  std::string_view config_text() const { return config_text_; }
  JsonValue config() const { return config_->root(); }

  // The header must list exactly these tensors.
  void check(const std::vector<TensorSpec>& wanted) const;

  // NULL: there is none of this name.
  const Entry* find(std::string_view name) const;
  // Bytes of a tensor that is there, and the tensor itself.
  int64_t size(std::string_view name) const;
  void read(std::string_view name, void* to) const;

 private:
  const Source& source_;
  Header header_;
  std::string_view kind_, config_text_;
  std::unique_ptr<Json> config_;
};

}  // namespace sprat::io
