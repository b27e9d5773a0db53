// Role: where OBJECT ENCODING of 7.2 differs from that of 7.0.15: the limits of 7.2, and nothing else,
// decide.
#include <algorithm>

#include "tests/differential/rules.h"

namespace tessera::differential {
namespace {

using support::Value;

constexpr int kTested = 0;
constexpr int kOracle = 1;
constexpr size_t kMostEntries = 128, kLongest = 64;  // of sets and sorted sets

// 7.2 keeps a small set of strings as a listpack, which 7.0 has not. Where SPOP leaves numbers alone of a
// hashtable, 7.0 makes an intset of them, 7.2 a listpack.
bool is_listpack_of_set(const std::string& key, const Ask& ask) {
  const Value members = ask_both(ask, {"SMEMBERS", key});
  if (!members.is_array()) return false;
  return members.items.size() <= kMostEntries &&
         std::all_of(members.items.begin(), members.items.end(),
                     [](const Value& member) { return member.text.size() <= kLongest; });
}

bool is_small_zset(const std::string& key, const Ask& ask) {
  const Value members = ask_both(ask, {"ZRANGE", key, "0", "-1"});
  return members.items.size() <= kMostEntries &&
         std::all_of(members.items.begin(), members.items.end(),
                     [](const Value& member) { return member.text.size() <= kLongest; });
}

// Bytes of an element in a listpack; about, for numbers.
size_t listpack_bytes(const std::string& text) {
  const bool number = !text.empty() && text.size() <= 20 && text != "-" &&
                      text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) == std::string::npos;
  return number ? std::min<size_t>(text.size(), 10) : text.size() + (text.size() < 64 ? 2 : 4);
}

// 7.2 keeps a list as a listpack up to list-max-listpack-size, 8 KB by default, plus what the elements of the
// last push take beside their bytes; 7.0 never does.
bool is_listpack_of_list(const std::string& key, const Ask& ask) {
  constexpr size_t kMostBytes = 8192, kOverhead = 5;
  const Value elements = ask_both(ask, {"LRANGE", key, "0", "-1"});
  if (!elements.is_array()) return false;
  size_t bytes = 0;
  for (const Value& element : elements.items) bytes += listpack_bytes(element.text);
  return bytes <= kMostBytes + kOverhead * elements.items.size();
}

}  // namespace

Value ask_both(const Ask& ask, const std::vector<std::string>& args) {
  (void)ask(kTested, args);
  return ask(kOracle, args);
}

bool encodings_agree(const std::string& key, const std::string& ours, const std::string& theirs,
                     const Ask& ask) {
  if (ours == theirs) return true;
  const std::string type = ask(kOracle, {"TYPE", key}).text;
  if (type == "set") {
    return ours == "listpack" && (theirs == "hashtable" || theirs == "intset") &&
           is_listpack_of_set(key, ask);
  }
  if (type == "list") return ours == "listpack" && theirs == "quicklist" && is_listpack_of_list(key, ask);
  // Their SORT leaves a skiplist behind, ours reads.
  if (type == "zset") return ours == "listpack" && theirs == "skiplist" && is_small_zset(key, ask);
  return false;
}

std::string check_encoding(const RuleInput& in) {
  if (in.ours.type != in.theirs.type || in.ours.is_null != in.theirs.is_null)
    return "types of the replies differ";
  return encodings_agree(in.args[2], in.ours.text, in.theirs.text, in.ask) ? "" : "encodings differ";
}

}  // namespace tessera::differential
