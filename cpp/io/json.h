// JSON from files nobody has vouched for: what is ambiguous, not finite or out of proportion is refused, as
// python/sprat/io/strict_json.py does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sprat::io {

inline constexpr int kMaxDepth = 64;
inline constexpr size_t kMaxDigits = 20;            // of an integer: 2^64 has so many
inline constexpr int64_t kMaxContainers = 1000000;  // lists and objects

enum class JsonKind : uint8_t { kNull, kFalse, kTrue, kInteger, kReal, kText, kList, kObject };

class Json;

// A value of a document; lives as long as it.
class JsonValue {
 public:
  JsonKind kind() const;
  bool is(JsonKind wanted) const { return kind() == wanted; }
  bool is_null() const { return is(JsonKind::kNull); }
  bool is_bool() const { return is(JsonKind::kFalse) || is(JsonKind::kTrue); }
  bool is_number() const { return is(JsonKind::kInteger) || is(JsonKind::kReal); }

  // Of a text, decoded (io/utf8.h); of a number, as it was written; else empty.
  std::string_view text() const;
  // Of a number, rounded once.
  double number() const;
  // Of an integer. False if it is none, or not between -2^63 and 2^63.
  bool integer(int64_t& value) const;

  // Of a list or an object; 0 for others.
  size_t size() const;
  // In the order of the text:  for (JsonValue v = list.first(); v; v = v.next())
  JsonValue first() const;
  JsonValue next() const;
  // Of a member of an object.
  std::string_view key() const;

  // The value for a message: short, in one line.
  std::string shown() const;

  explicit operator bool() const { return document_ != nullptr; }
  JsonValue() = default;

 private:
  friend class Json;
  JsonValue(const Json* document, uint32_t index) : document_(document), index_(index) {}
  const Json* document_ = nullptr;
  uint32_t index_ = 0;
};

// A document: every string in one pool, every value in one list. Takes about 32 bytes for each value of the text.
class Json {
 public:
  // `what` names it in the FormatError. The text is not needed afterwards.
  Json(const char* what, std::string_view text);
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;

  JsonValue root() const { return {this, 0}; }

 private:
  friend class JsonValue;
  friend class JsonParser;
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Node {
    uint32_t begin = 0, length = 0;          // in the pool; of a list or object: its first child, and how many
    uint32_t key_begin = 0, key_length = 0;  // in the pool
    uint32_t next = kNone;
    JsonKind kind = JsonKind::kNull;
  };
  std::string_view slice(uint32_t begin, uint32_t length) const {
    return std::string_view(pool_).substr(begin, length);
  }
  std::string pool_;
  std::vector<Node> nodes_;
};

}  // namespace sprat::io
