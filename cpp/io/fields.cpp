#include "io/fields.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "io/wrong.h"
#include "sprat/sprat.h"

namespace sprat::io {
namespace {

[[noreturn]] void refuse(const std::string& where, std::string_view key, JsonValue value, const std::string& problem) {
  wrong("%s: %.*s = %s %s", where.c_str(), static_cast<int>(key.size()), key.data(), value.shown().c_str(),
        problem.c_str());
}

}  // namespace

int64_t integer_in(JsonValue value, const std::string& where, std::string_view key, int64_t low, int64_t high) {
  int64_t found = 0;
  if (!value.integer(found) || found < low || found > high) {
    refuse(where, key, value, "is not an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return found;
}

std::vector<std::string_view> different_texts(JsonValue value, const std::string& where, std::string_view key) {
  std::vector<std::string_view> found;
  bool is_good = value.is(JsonKind::kList);
  for (JsonValue v = value.first(); v; v = v.next()) {
    is_good = is_good && v.is(JsonKind::kText);
    found.push_back(v.text());
  }
  std::vector<std::string_view> sorted = found;
  std::sort(sorted.begin(), sorted.end());
  if (!is_good || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    wrong("%s: %.*s is not a list of different names", where.c_str(), static_cast<int>(key.size()), key.data());
  }
  return found;
}

Fields::Fields(JsonValue object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is(JsonKind::kObject)) wrong("%s is not an object", where_.c_str());
}

JsonValue Fields::optional(std::string_view key) {
  for (JsonValue v = object_.first(); v; v = v.next()) {
    if (v.key() != key) continue;
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.push_back(key);
    return v;
  }
  return {};
}

JsonValue Fields::any(std::string_view key) {
  const JsonValue found = optional(key);
  if (!found) wrong("%s: the key '%.*s' is missing", where_.c_str(), static_cast<int>(key.size()), key.data());
  return found;
}

std::string_view Fields::text(std::string_view key) {
  const JsonValue value = any(key);
  if (!value.is(JsonKind::kText)) refuse(where_, key, value, "is unknown");
  return value.text();
}

int32_t Fields::among(std::string_view key, std::initializer_list<std::string_view> list) {
  const JsonValue value = any(key);
  const auto found = std::find(list.begin(), list.end(), value.text());
  if (!value.is(JsonKind::kText) || found == list.end()) refuse(where_, key, value, "is unknown");
  return static_cast<int32_t>(found - list.begin());
}

int32_t Fields::activation(std::string_view key) {
  const std::string_view wanted = text(key);  // may hold zero bytes: not for sprat_activation_find
  for (int32_t i = 0; i < sprat_activation_count(); ++i) {
    if (wanted == sprat_activation_name(i)) return i;
  }
  refuse(where_, key, any(key), "is unknown");
}

bool Fields::flag(std::string_view key) {
  const JsonValue value = any(key);
  if (!value.is_bool()) refuse(where_, key, value, "is not true or false");
  return value.is(JsonKind::kTrue);
}

int64_t Fields::integer(std::string_view key, int64_t low, int64_t high) {
  return integer_in(any(key), where_, key, low, high);
}

double Fields::number(std::string_view key, double low, double high) {
  const JsonValue value = any(key);
  const double found = value.is_number() ? value.number() : 0;
  if (!value.is_number() || !(found >= low && found <= high)) {
    char bounds[64];
    std::snprintf(bounds, sizeof bounds, "is not a number from %g to %g", low, high);
    refuse(where_, key, value, bounds);
  }
  return found;
}

JsonValue Fields::list(std::string_view key) {
  const JsonValue value = any(key);
  if (!value.is(JsonKind::kList)) refuse(where_, key, value, "is not a list");
  return value;
}

std::vector<std::string_view> Fields::names(std::string_view key) { return different_texts(any(key), where_, key); }

void Fields::done() const {
  if (object_.size() == asked_.size()) return;
  for (JsonValue v = object_.first(); v; v = v.next()) {
    if (std::find(asked_.begin(), asked_.end(), v.key()) == asked_.end()) {
      wrong("%s: unknown key %s", where_.c_str(), quoted(v.key()).c_str());
    }
  }
}

}  // namespace sprat::io
