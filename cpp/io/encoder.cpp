// What a table needs to become the input of a network: the proof of its configuration, not the coding.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include "io/head.h"
#include "io/utf8.h"
#include "io/wrong.h"

namespace sprat::io {
namespace {

using Keys = std::initializer_list<std::string_view>;

// Members of an object that has exactly these keys.
class Members {
 public:
  Members(JsonValue object, const std::string& where, Keys keys) : object_(object) {
    for (const std::string_view key : keys) {
      if (!get(key)) wrong("%s: '%.*s' is missing", where.c_str(), static_cast<int>(key.size()), key.data());
    }
    for (JsonValue v = object.first(); v; v = v.next()) {
      if (std::find(keys.begin(), keys.end(), v.key()) == keys.end()) {
        wrong("%s: unknown field %s", where.c_str(), quoted(v.key()).c_str());
      }
    }
  }
  JsonValue get(std::string_view key) const {
    for (JsonValue v = object_.first(); v; v = v.next()) {
      if (v.key() == key) return v;
    }
    return {};
  }

 private:
  JsonValue object_;
};

void check_object(JsonValue value, const std::string& where) {
  if (!value.is(JsonKind::kObject)) wrong("%s: wanted a JSON object, got %s", where.c_str(), value.shown().c_str());
}

void check_text(JsonValue value, const std::string& what) {
  if (!value.is(JsonKind::kText) || value.text().empty()) {
    wrong("%s: wanted a text that is not empty, got %s", what.c_str(), value.shown().c_str());
  }
  if (has_surrogates(value.text())) wrong("%s: wanted valid Unicode, got %s", what.c_str(), value.shown().c_str());
}

// A mean or a scale; other writers of JSON drop the ".0" of a whole number.
double read_moment(JsonValue value, const std::string& what) {
  int64_t integer = 0;
  if (!value.is(JsonKind::kReal) && !value.integer(integer)) {
    wrong("%s: wanted a finite float, got %s", what.c_str(), value.shown().c_str());
  }
  return value.number();
}

void check_moments(const Members& members, const std::string& where) {
  read_moment(members.get("mean"), where + ": mean");
  if (!(read_moment(members.get("scale"), where + ": scale") > 0)) {
    wrong("%s: scale: wanted above 0, got %s", where.c_str(), members.get("scale").shown().c_str());
  }
}

// The features that a column becomes, and its name.
int64_t read_column(JsonValue column, const std::string& where, std::vector<std::string_view>& names) {
  check_object(column, where);
  JsonValue kind;
  for (JsonValue v = column.first(); v; v = v.next()) {
    if (v.key() == "kind") kind = v;
  }
  const bool is_number = kind && kind.is(JsonKind::kText) && kind.text() == "number";
  if (!is_number && !(kind && kind.is(JsonKind::kText) && kind.text() == "category")) {
    wrong("%s: kind: wanted one of number, category", where.c_str());
  }
  const Members members(
      column, where,
      is_number ? Keys{"kind", "name", "mean", "scale", "missing"} : Keys{"kind", "name", "categories", "missing"});
  check_text(members.get("name"), where + ": name");
  if (is_number) check_moments(members, where);
  const JsonValue missing = members.get("missing");
  if (!missing.is_bool()) wrong("%s: missing: wanted true or false, got %s", where.c_str(), missing.shown().c_str());
  int64_t features = is_number ? 1 : 0;
  if (!is_number) {
    const JsonValue categories = members.get("categories");
    if (categories.size() == 0 || !categories.is(JsonKind::kList)) {
      wrong("%s: categories: wanted a list of at least one text", where.c_str());
    }
    std::string_view before;
    for (JsonValue v = categories.first(); v; v = v.next()) {
      check_text(v, where + ": categories[" + std::to_string(features) + "]");
      if (v.text() <= before) {  // no text is empty
        wrong("%s: categories: wanted sorted and distinct, got %s", where.c_str(), v.shown().c_str());
      }
      before = v.text();
      ++features;
    }
  }
  names.push_back(members.get("name").text());
  return features + missing.is(JsonKind::kTrue);
}

// Labels of one type, each above the one before. Numbers are exact: whole ones stay within 2^53.
std::vector<std::string> read_classes(JsonValue classes, const std::string& where) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (!classes.is(JsonKind::kList) || classes.size() < 2)
    wrong("%s: classes: wanted a list of at least two", where.c_str());
  std::vector<std::string> labels;
  JsonValue before;
  for (JsonValue v = classes.first(); v; before = v, v = v.next()) {
    const std::string what = where + ": classes[" + std::to_string(labels.size()) + "]";
    if (before && before.kind() != v.kind() && !(before.is_bool() && v.is_bool())) {
      wrong("%s: classes must all be texts, all whole numbers, all numbers, or all booleans", where.c_str());
    }
    int64_t integer = 0;
    bool grows = true;
    if (v.is(JsonKind::kText)) {
      check_text(v, what);
      grows = !before || before.text() < v.text();
    } else if (v.is_bool()) {
      grows = !before || (before.is(JsonKind::kFalse) && v.is(JsonKind::kTrue));
    } else if (!v.is_number() || !(std::fabs(v.number()) <= kExact) ||
               (v.is(JsonKind::kInteger) && !v.integer(integer))) {
      wrong("%s: wanted a text, number or boolean, got %s", what.c_str(), v.shown().c_str());
    } else {
      grows = !before || before.number() < v.number();
    }
    if (!grows) wrong("%s: wanted sorted and distinct, got %s", what.c_str(), v.shown().c_str());
    labels.emplace_back(v.is_bool() ? std::string_view(v.is(JsonKind::kTrue) ? "true" : "false") : v.text());
  }
  return labels;
}

std::vector<std::string> read_target(JsonValue target, std::vector<std::string_view>& names) {
  const std::string where = "encoder: target";
  check_object(target, where);
  JsonValue task;
  for (JsonValue v = target.first(); v; v = v.next()) {
    if (v.key() == "task") task = v;
  }
  const bool is_number = task && task.is(JsonKind::kText) && task.text() == "regression";
  if (!is_number && !(task && task.is(JsonKind::kText) && task.text() == "classification")) {
    wrong("%s: task: wanted one of classification, regression", where.c_str());
  }
  const Members members(target, where,
                        is_number ? Keys{"task", "name", "mean", "scale"} : Keys{"task", "name", "classes"});
  if (const JsonValue name = members.get("name"); !name.is_null()) {
    check_text(name, where + ": name");
    names.push_back(name.text());
  }
  if (!is_number) return read_classes(members.get("classes"), where);
  check_moments(members, where);
  return {};
}

}  // namespace

Encoding read_encoder(JsonValue config) {
  check_object(config, "encoder");
  JsonValue version;
  for (JsonValue v = config.first(); v; v = v.next()) {
    if (v.key() == "version") version = v;
  }
  if (!version || !version.is_number() || version.number() != 1) {
    wrong("encoder: version: wanted 1, got %s", version ? version.shown().c_str() : "none");
  }
  const Members members(config, "encoder", {"version", "dtype", "columns", "target"});
  const JsonValue columns = members.get("columns"), target = members.get("target"), dtype = members.get("dtype");
  if (!columns.is(JsonKind::kList)) wrong("encoder: columns: wanted a list, got %s", columns.shown().c_str());
  Encoding encoding;
  std::vector<std::string_view> names;
  for (JsonValue v = columns.first(); v; v = v.next()) {
    encoding.num_features += read_column(v, "encoder: column " + std::to_string(names.size()), names);
  }
  if (!target.is_null()) encoding.classes = read_target(target, names);
  if (!dtype.is(JsonKind::kText) || (dtype.text() != "float32" && dtype.text() != "float64")) {
    wrong("encoder: dtype: wanted 'float32' or 'float64', got %s", dtype.shown().c_str());
  }
  if (columns.size() == 0) wrong("encoder: an encoder needs at least one column");
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) wrong("encoder: two columns are named %s", quoted(*twice).c_str());
  return encoding;
}

}  // namespace sprat::io
