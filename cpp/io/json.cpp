#include "io/json.h"

#include <algorithm>
#include <cmath>

#include "io/number.h"
#include "io/utf8.h"
#include "io/wrong.h"

namespace sprat::io {

// Recursive descent; the depth is bounded, so the stack is.
class JsonParser {
 public:
  JsonParser(const char* what, std::string_view text, Json& document)
      : what_(what), text_(text), nodes_(document.nodes_), pool_(document.pool_) {
    if (text.size() >= Json::kNone) fail("is too long");
    // No string is longer decoded than written, and between two values stands a comma or a bracket.
    pool_.reserve(text.size());
    nodes_.reserve(1 + static_cast<size_t>(std::count_if(text.begin(), text.end(),
                                                         [](char c) { return c == ',' || c == '[' || c == '{'; })));
  }

  void run() {
    skip_spaces();
    value(0);
    skip_spaces();
    if (at_ != text_.size()) fail("has something behind its end");
  }

 private:
  using Node = Json::Node;

  [[noreturn]] void fail(const char* problem) const {
    wrong("%s is not valid JSON: it %s (byte %zu)", what_, problem, at_);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char wanted) {
    if (peek() != wanted || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  // Appends a value and gives its place.
  uint32_t value(int depth) {
    const auto place = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
    switch (peek()) {
      case '{':
        container(place, JsonKind::kObject, '}', depth);
        break;
      case '[':
        container(place, JsonKind::kList, ']', depth);
        break;
      case '"': {
        const auto [begin, length] = string();
        set(place, JsonKind::kText, begin, length);
        break;
      }
      default:
        word_or_number(place);
    }
    return place;
  }

  void set(uint32_t place, JsonKind kind, uint32_t begin, uint32_t length) {
    nodes_[place].kind = kind;
    nodes_[place].begin = begin;
    nodes_[place].length = length;
  }

  void container(uint32_t place, JsonKind kind, char end, int depth) {
    if (depth == kMaxDepth) fail("is nested deeper than 64 levels");
    if (++containers_ > kMaxContainers) fail("has more than 1000000 lists and objects");
    ++at_;
    skip_spaces();
    uint32_t first = Json::kNone, last = Json::kNone, count = 0;
    while (count > 0 || !take(end)) {
      const auto [key_begin, key_length] = kind == JsonKind::kObject ? key() : Slice{};
      const uint32_t child = value(depth + 1);
      nodes_[child].key_begin = key_begin;
      nodes_[child].key_length = key_length;
      (count == 0 ? first : nodes_[last].next) = child;
      last = child;
      ++count;
      skip_spaces();
      if (take(end)) break;
      if (!take(',')) fail("lacks a comma or a bracket");
      skip_spaces();
    }
    set(place, kind, first, count);
    if (kind == JsonKind::kObject) refuse_double_keys(first, count);
  }

  struct Slice {
    uint32_t begin = 0, length = 0;
  };

  Slice key() {
    if (peek() != '"') fail("lacks a key in quotes");
    const Slice found = string();
    skip_spaces();
    if (!take(':')) fail("lacks a colon");
    skip_spaces();
    return found;
  }

  void refuse_double_keys(uint32_t first, uint32_t count) const {
    std::vector<std::string_view> keys;
    keys.reserve(count);
    for (uint32_t i = first; i != Json::kNone && count > 0; i = nodes_[i].next) {
      keys.push_back(std::string_view(pool_).substr(nodes_[i].key_begin, nodes_[i].key_length));
    }
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) {
      wrong("%s is not valid JSON: the key %s stands twice", what_, quoted(*twice).c_str());
    }
  }

  Slice string() {
    const auto begin = static_cast<uint32_t>(pool_.size());
    ++at_;
    for (;;) {
      if (at_ >= text_.size()) fail("ends within a string");
      const char c = text_[at_++];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) fail("has a control character in a string");
      if (c == '\\') {
        escape();
      } else {
        pool_ += c;
      }
    }
    return {begin, static_cast<uint32_t>(pool_.size()) - begin};
  }

  void escape() {
    static constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (at_ >= text_.size()) fail("ends within a string");
    ++at_;
    if (c == 'u') {
      uint32_t code = hex();
      if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
        const size_t before = at_;
        at_ += 2;
        const uint32_t low = hex();
        if (low >= 0xDC00 && low < 0xE000) {
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        } else {
          at_ = before;
        }
      }
      append_code_point(pool_, code);
      return;
    }
    const size_t which = kLetters.find(c);
    if (which == std::string_view::npos) fail("has an unknown escape in a string");
    pool_ += kMeanings[which];
  }

  uint32_t hex() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail("has a broken \\u escape");
      code = code << 4 | static_cast<uint32_t>(digit);
    }
    return code;
  }

  void word_or_number(uint32_t place) {
    if (take_word("null")) return;
    if (take_word("true")) return set(place, JsonKind::kTrue, 0, 0);
    if (take_word("false")) return set(place, JsonKind::kFalse, 0, 0);
    number(place);
  }

  void number(uint32_t place) {
    const size_t begin = at_;
    take('-');
    if (!take('0') && !digits()) {
      at_ = begin;
      fail("has something that is no value; NaN and infinities are none");
    }
    bool real = false;
    if (take('.')) {
      real = true;
      if (!digits()) fail("has a number without digits behind its point");
    }
    if (take('e') || take('E')) {
      real = true;
      if (!take('+')) take('-');
      if (!digits()) fail("has a number without digits in its exponent");
    }
    const std::string_view written = text_.substr(begin, at_ - begin);
    if (!real && written.size() > kMaxDigits) fail("has an integer of more than 20 digits");
    if (real && !std::isfinite(to_real(written))) fail("has a number that is out of range");
    const auto pool_begin = static_cast<uint32_t>(pool_.size());
    pool_ += written;
    set(place, real ? JsonKind::kReal : JsonKind::kInteger, pool_begin, static_cast<uint32_t>(written.size()));
  }

  bool digits() {
    const size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }

  const char* what_;
  std::string_view text_;
  std::vector<Node>& nodes_;
  std::string& pool_;
  size_t at_ = 0;
  int64_t containers_ = 0;
};

Json::Json(const char* what, std::string_view text) { JsonParser(what, text, *this).run(); }

JsonKind JsonValue::kind() const { return document_->nodes_[index_].kind; }

std::string_view JsonValue::text() const {
  const Json::Node& node = document_->nodes_[index_];
  return is_number() || is(JsonKind::kText) ? document_->slice(node.begin, node.length) : std::string_view();
}

double JsonValue::number() const { return to_real(text()); }

bool JsonValue::integer(int64_t& value) const { return is(JsonKind::kInteger) && to_integer(text(), value); }

size_t JsonValue::size() const {
  return is(JsonKind::kList) || is(JsonKind::kObject) ? document_->nodes_[index_].length : 0;
}

JsonValue JsonValue::first() const {
  return size() > 0 ? JsonValue(document_, document_->nodes_[index_].begin) : JsonValue();
}

JsonValue JsonValue::next() const {
  const uint32_t next = document_->nodes_[index_].next;
  return next == Json::kNone ? JsonValue() : JsonValue(document_, next);
}

std::string_view JsonValue::key() const {
  const Json::Node& node = document_->nodes_[index_];
  return document_->slice(node.key_begin, node.key_length);
}

std::string JsonValue::shown() const {
  switch (kind()) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kFalse:
      return "false";
    case JsonKind::kTrue:
      return "true";
    case JsonKind::kList:
      return "a list of " + std::to_string(size());
    case JsonKind::kObject:
      return "an object";
    case JsonKind::kText:
      return quoted(text());
    default:
      return std::string(text().substr(0, 40));
  }
}

}  // namespace sprat::io
