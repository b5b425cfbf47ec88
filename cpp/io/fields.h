// Typed access to an object of a configuration: every key is asked for, what nobody asked for is refused at the end.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace sprat::io {

inline constexpr int64_t kMostInt32 = 2147483647;

class Fields {
 public:
  // `where` stands in messages.
  Fields(JsonValue object, std::string where);

  const std::string& where() const { return where_; }

  // Refused if there is no such key.
  JsonValue any(std::string_view key);
  // Empty if there is no such key.
  JsonValue optional(std::string_view key);

  std::string_view text(std::string_view key);
  // Place in the list; refused if it is not there.
  int32_t among(std::string_view key, std::initializer_list<std::string_view> list);
  // A name of sprat_activation_find().
  int32_t activation(std::string_view key);
  bool flag(std::string_view key);
  int64_t integer(std::string_view key, int64_t low, int64_t high = kMostInt32);
  double number(std::string_view key, double low, double high);
  JsonValue list(std::string_view key);
  // A list of different texts.
  std::vector<std::string_view> names(std::string_view key);

  void done() const;

 private:
  JsonValue object_;
  std::string where_;
  std::vector<std::string_view> asked_;  // of those that are there
};

// As Fields does it, of a value that is there already.
int64_t integer_in(JsonValue value, const std::string& where, std::string_view key, int64_t low, int64_t high);
std::vector<std::string_view> different_texts(JsonValue value, const std::string& where, std::string_view key);

}  // namespace sprat::io
