// Role: rules for FUNCTION LIST and DUMP: libraries and functions come in the order of a table. Thread: any.
#include <algorithm>

#include "tests/differential/rules.h"

namespace tessera::differential {

using support::Value;

namespace {

const Value* field(const Value& map, const char* name) {
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == name) return &map.items[i + 1];
  }
  return nullptr;
}

// A value as text; flags and functions in sorted order.
std::string in_order(const Value& value, bool sort) {
  std::vector<std::string> items;
  for (const Value& item : value.items) items.push_back(in_order(item, false));
  if (sort) std::sort(items.begin(), items.end());
  std::string out(1, value.type);
  out += value.is_null ? "null" : value.text + std::to_string(value.integer);
  for (const std::string& item : items) out += " " + item;
  return out + ";";
}

std::vector<std::string> libraries(const Value& list) {
  std::vector<std::string> texts;
  for (const Value& library : list.items) {
    std::string text(1, library.type);
    text += std::to_string(library.items.size());
    for (const char* name : {"library_name", "engine", "library_code"}) {
      if (const Value* found = field(library, name)) text += " " + in_order(*found, false);
    }
    std::vector<std::string> functions;
    if (const Value* all = field(library, "functions")) {
      for (const Value& function : all->items) {
        std::string one(1, function.type);
        for (const char* name : {"name", "description"}) {
          if (const Value* found = field(function, name)) one += " " + in_order(*found, false);
        }
        if (const Value* flags = field(function, "flags")) one += in_order(*flags, true);
        functions.push_back(one);
      }
    }
    std::sort(functions.begin(), functions.end());
    for (const std::string& one : functions) text += "\n  " + one;
    texts.push_back(text);
  }
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

std::string check_function_list(const RuleInput& in) {
  if (in.ours.type != in.theirs.type) return "types of the replies differ";
  return compare_lists(libraries(in.ours), libraries(in.theirs));
}

// Of several names that are taken one is told, and which is the order of a table.
std::string check_name_is_taken(const RuleInput& in) {
  static const std::string kEnd = " already exists";
  const auto kind = [](const Value& reply) -> std::string {
    const std::string& text = reply.text;
    if (!reply.is_error() || text.size() < kEnd.size() ||
        text.compare(text.size() - kEnd.size(), kEnd.size(), kEnd) != 0)
      return "";
    return text.rfind("ERR Function ", 0) == 0  ? "function"
           : text.rfind("ERR Library ", 0) == 0 ? "library"
                                                : "";
  };
  return !kind(in.ours).empty() && kind(in.ours) == kind(in.theirs) ? "" : "replies differ";
}

// Each side restores what the other one dumped, and has the same libraries as before.
std::string check_function_dump(const RuleInput& in) {
  if (in.ours.type != '$' || in.theirs.type != '$') return "not bulk strings";
  if (in.ours.text.size() != in.theirs.text.size()) return "payloads differ in size";
  for (int side : {0, 1}) {
    const std::vector<std::string> before = libraries(in.ask(side, {"FUNCTION", "LIST", "WITHCODE"}));
    const Value restored =
        in.ask(side, {"FUNCTION", "RESTORE", side == 0 ? in.theirs.text : in.ours.text, "FLUSH"});
    if (restored.is_error()) return "the other's payload is refused: " + restored.text;
    const std::string problem =
        compare_lists(libraries(in.ask(side, {"FUNCTION", "LIST", "WITHCODE"})), before);
    if (!problem.empty()) return "after the other's payload was restored: " + problem;
  }
  return "";
}

}  // namespace tessera::differential
