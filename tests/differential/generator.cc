// Role: see generator.h.
#include "tests/differential/generator.h"

#include <strings.h>

#include <algorithm>

#include "tests/differential/special_zset.h"
#include "tests/differential/timeouts.h"

namespace tessera::differential {
namespace {

uint32_t default_weight(const CommandSpec& spec) {
  if (spec.has_subcommands) return 1;  // the parent alone: wrong arity, unknown subcommands
  if (spec.sub == "help") return 1;
  if (!spec.sub.empty()) return 3;
  return spec.first_key > 0 ? 20 : 4;
}

bool selected(const CommandSpec& spec, const GeneratorOptions& options) {
  const std::vector<std::string>&groups = options.groups, &only = options.only;
  if (!groups.empty() && std::find(groups.begin(), groups.end(), spec.group) == groups.end()) return false;
  if (only.empty()) return true;
  return std::any_of(only.begin(), only.end(),
                     [&](const std::string& name) { return name == spec.name || name == spec.full_name(); });
}

void flatten_options(const std::vector<Arg>& args, std::vector<const Arg*>& out) {
  for (const Arg& arg : args) {
    if (!arg.token.empty() && arg.type != "oneof") {
      out.push_back(&arg);
    } else {
      flatten_options(arg.children, out);
    }
  }
}

bool is_word(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return strcasecmp(text.c_str(), word) == 0; });
}

// A text both servers take for an integer of [low, high) is moved to `low` past its old place, modulo `keep`.
void clamp(std::string& text, int64_t low, int64_t high, int64_t keep, int64_t base) {
  const std::string digits = !text.empty() && text[0] == '#' ? text.substr(1) : text;
  if (digits.empty() || digits.size() > 18 || digits.find_first_not_of("0123456789") != std::string::npos)
    return;
  const int64_t n = std::stoll(digits);
  if (n >= low && n < high) text = std::to_string(base + n % keep);
}

bool is_bitfield_encoding(const std::string& text) {
  return text.size() > 1 && (text[0] == 'i' || text[0] == 'u') &&
         text.find_first_not_of("0123456789", 1) == std::string::npos;
}

// Garbled arguments may make a key expire during the run, where two servers cannot agree, or a string of
// hundreds of megabytes: such numbers are moved out of these ranges. Refused and past ones stay as they are.
void make_safe(std::vector<std::string>& args) {
  if (args.empty()) return;
  constexpr int64_t kNearSeconds = 100000, kNearMs = 100000000;
  for (size_t i = 1; i < args.size(); ++i) {
    const std::string& before = args[i - 1];
    const bool second = i == 2;
    if (is_word(before, {"EX"}) || (second && is_word(args[0], {"EXPIRE", "SETEX"}))) {
      clamp(args[i], 1, kNearSeconds, kNearSeconds, kNearSeconds);
    }
    if (is_word(before, {"PX"}) || (second && is_word(args[0], {"PEXPIRE", "PSETEX"}))) {
      clamp(args[i], 1, kNearMs, kNearMs, kNearMs);
    }
    // SET takes times that have passed and leaves the key until somebody meets it: sizes would depend on
    // chance.
    if (is_word(args[0], {"SET"}) && is_word(before, {"EXAT"})) {
      clamp(args[i], 1, kExactFromMs / 1000, 100000000, kExactFromMs / 1000);
    }
    if (is_word(args[0], {"SET"}) && is_word(before, {"PXAT"})) {
      clamp(args[i], 1, kExactFromMs, 100000000000, kExactFromMs);
    }
    if (second && is_word(args[0], {"SETBIT"})) clamp(args[i], 1000000, int64_t{1} << 32, 1000000, 0);
    if (second && is_word(args[0], {"SETRANGE"})) clamp(args[i], 100000, int64_t{1} << 29, 100000, 0);
    if (is_word(args[0], {"BITFIELD"}) && is_bitfield_encoding(before)) {
      clamp(args[i], 10000, int64_t{1} << 32, 10000, 0);
    }
  }
}

}  // namespace

Generator::Generator(const Grammar& grammar, const GeneratorOptions& options)
    : grammar_(grammar), options_(options), values_(options.seed) {
  for (const CommandSpec& spec : grammar_.commands) {
    const std::string full = spec.full_name();
    if (suits_scripts(spec)) inner_choices_.push_back(make_choice(spec));
    if (!selected(spec, options_) || not_sent_reason(full) != nullptr) continue;
    const Choice choice = make_choice(spec);
    total_weight_ += choice.weight;
    if (is_word(spec.group, {"set", "hash", "list", "sorted-set", "stream"}) &&
        std::find(key_groups_.begin(), key_groups_.end(), spec.group) == key_groups_.end()) {
      key_groups_.push_back(spec.group);
    }
    sends_transactions_ |= spec.name == "multi";
    choices_.push_back(choice);
  }
  in_multi_.assign(static_cast<size_t>(options_.connections), -1);
}

Generator::Choice Generator::make_choice(const CommandSpec& spec) const {
  const std::string full = spec.full_name();
  Choice choice{&spec, nullptr, default_weight(spec), true};
  for (const std::vector<Special>* table : {&special_commands(), &hash_special_commands()}) {
    for (const Special& special : *table) {
      if (full != special.full_name) continue;
      choice.make = special.make;
      choice.mutate = special.mutate;
      if (special.weight != 0) choice.weight = special.weight;
    }
  }
  for (const Special& special : zset_specials()) {
    if (full != special.full_name) continue;
    choice.make = special.make;
    choice.mutate = special.mutate;
    choice.weight = special.weight;
  }
  return choice;
}

Batch Generator::next_batch() {
  static const std::vector<uint64_t> kLengths = {1, 1, 1, 1, 2, 5, 20, 100};
  if (options_.only.empty() && values_.below(400) == 0) return reply_off_batch();
  Batch batch;
  batch.connection = static_cast<int>(values_.below(static_cast<uint64_t>(options_.connections)));
  const uint64_t length = 1 + values_.below(values_.pick(kLengths));
  for (uint64_t i = 0; i < length; ++i) {
    Op op = op_for(batch.connection);
    const bool last = op.alone || op.closes;
    if (op.alone && !batch.ops.empty()) continue;  // alone ones only come when a batch begins
    batch.ops.push_back(std::move(op));
    if (last) break;
  }
  return batch;
}

// CLIENT REPLY OFF or SKIP: some commands whose replies nobody sees (their effects are compared), then ON.
Batch Generator::reply_off_batch() {
  Batch batch;
  batch.connection = static_cast<int>(values_.below(static_cast<uint64_t>(options_.connections)));
  if (in_multi_[static_cast<size_t>(batch.connection)] >= 0) return {};  // its replies are looked at
  const bool skip = values_.percent(50);
  batch.ops.push_back({{"CLIENT", "REPLY", skip ? "SKIP" : "off"}, {}, false, false, false});
  for (uint64_t i = 0, n = 1 + values_.below(5); i < n; ++i) batch.ops.push_back(ordinary_op());
  batch.ops.push_back({{"client", "reply", "ON"}, {}, false, false, false});
  return batch;
}

Op Generator::next_op() {
  if (choices_.empty() || (options_.only.empty() && values_.below(100) == 0)) return odd_op();
  uint64_t at = values_.below(total_weight_);
  const Choice* chosen = &choices_.back();
  for (const Choice& choice : choices_) {
    if (at < choice.weight) {
      chosen = &choice;
      break;
    }
    at -= choice.weight;
  }
  return make(*chosen);
}

Op Generator::make(const Choice& choice) {
  Op op = choice.make != nullptr && !(choice.mutate && values_.percent(10)) ? choice.make(*this, *choice.spec)
                                                                            : from_grammar(*choice.spec);
  if (choice.mutate && op.raw.empty() && values_.percent(14)) mutate(op.args);
  make_safe(op.args);
  shorten_timeouts(op.args);
  if (op.newer) op.alone = true;
  return op;
}

InnerOp Generator::inner_op() {
  if (inner_choices_.empty()) return {{"ping"}, 0};
  for (;;) {
    const Choice& choice = values_.pick(inner_choices_);
    Op op = make(choice);
    // Replies that are large make a run slow and show no more.
    size_t bytes = 0;
    for (const std::string& arg : op.args) bytes += arg.size();
    if (op.newer || op.alone || !op.raw.empty() || op.args.empty() || bytes > 20000) continue;
    // Of another arity since.
    const bool is_rank = is_word(op.args[0], {"zrank", "zrevrank"});
    if ((is_rank && op.args.size() != 3) || (is_word(op.args[0], {"bitcount"}) && op.args.size() == 3))
      continue;
    return {std::move(op.args), choice.spec->first_key};
  }
}

Op Generator::ordinary_op() {
  for (;;) {
    Op op = next_op();
    if (op.alone || op.closes || op.newer || !op.raw.empty() || op.args.empty()) continue;
    if (is_word(op.args[0], {"client", "hello", "reset", "quit", "debug", "multi", "exec", "watch"}))
      continue;
    return op;
  }
}

Op Generator::odd_op() {
  static const std::vector<std::string> kInline = {"PING\r\n",        "ping hello\r\n",
                                                   "  PING  \r\n",    "PING\n",
                                                   "\r\nPING\r\n",    "SET key:1 \"a b\\x41\\n\"\r\n",
                                                   "get 'key:1'\r\n", "SET key:2 'it\\'s'\r\n",
                                                   "ECHO \"\"\r\n",   "echo ''\r\n",
                                                   "GET\r\n",         "nosuch \"a\" b\r\n",
                                                   "*0\r\nPING\r\n",  "*-1\r\nPING\r\n",
                                                   "ECHO a\\x41\r\n", "ECHO \"\\a\\b\\t\\r\\q\"\r\n",
                                                   "ECHO \tx\t\r\n",  "ECHO a\"b\"\r\n"};
  static const std::vector<std::string> kBroken = {"*1\r\n+PING\r\n",
                                                   "*abc\r\n",
                                                   "*1\r\n$abc\r\n",
                                                   "*1\r\n$-1\r\n",
                                                   "*2147483648\r\n",
                                                   "*99999999999999999999\r\n",
                                                   "*1\r\n$536870913\r\n",
                                                   "*1\r\n$99999999999999999999\r\n",
                                                   "ECHO \"unbalanced\r\n",
                                                   "ECHO \"a\"b\r\n",
                                                   "ECHO 'a'b\r\n",
                                                   "*2\r\n$4\r\nECHO\r\n:1\r\n",
                                                   "*1\r\n$ 4\r\nPING\r\n",
                                                   "*+1\r\n$4\r\nPING\r\n",
                                                   "*1 \r\n$4\r\nPING\r\n",
                                                   "*\r\n",
                                                   "*1\r\n\r\n",
                                                   "*1\r\n$\r\n"};
  Op op;
  switch (values_.below(8)) {
    case 0:
      op.args = {"raw"};
      op.raw = values_.pick(kInline);
      return op;
    case 1:
      op.args = {"raw"};
      op.raw = values_.pick(kBroken);
      op.closes = true;
      op.alone = true;
      return op;
    case 2:
      op.args = {""};
      return op;
    case 3:
      op.args = {std::string(values_.below(200), 'x') + "nosuch"};
      for (uint64_t i = 0, n = values_.below(30); i < n; ++i) op.args.push_back(values_.string());
      return op;
    case 4: {  // a subcommand nobody has
      static const std::vector<std::string> kParents = {"client",  "CONFIG", "object", "memory",
                                                        "command", "acl",    "debug",  "cluster"};
      op.args = {values_.pick(kParents), "nosuch" + std::to_string(values_.below(10))};
      if (values_.percent(50)) op.args.push_back(values_.key());
      if (grammar_.find(op.args[0] == "CONFIG" ? "config" : op.args[0]) == nullptr) op.args[0] = "nosuch";
      return op;
    }
    case 5:
      op.args = {"get|x", values_.key()};
      return op;
    case 6:
      op.args = {"config|get", "maxmemory"};
      return op;
    default:
      op.args = {"nosuch\r\n\"'\\command", values_.string(), values_.integer()};
      return op;
  }
}

// Commands on sets and their kin meet keys of their type; what knows all types meets those as well.
std::string Generator::a_key() {
  if (std::find(key_groups_.begin(), key_groups_.end(), group_) != key_groups_.end())
    return values_.key_of(group_);
  if (group_ != "generic" || key_groups_.empty() || values_.percent(40)) return values_.key();
  return values_.key_of(values_.pick(key_groups_));
}

Op Generator::from_grammar(const CommandSpec& spec) {
  Op op;
  group_ = spec.group;
  op.args.push_back(values_.random_case(spec.name));
  if (!spec.sub.empty()) op.args.push_back(values_.random_case(spec.sub));
  if (spec.args.empty()) {
    // No documented arguments: as many as the arity asks for.
    const int needed = std::abs(spec.arity) - static_cast<int>(op.args.size());
    for (int i = 0; i < needed; ++i) op.args.push_back(values_.key());
    return op;
  }
  if (values_.percent(20)) {
    option_soup(spec, op.args, op.newer);
  } else {
    for (const Arg& arg : spec.args) emit(arg, op.args, op.newer, 0);
  }
  return op;
}

// Required arguments in order, then options in any order, several times or contradicting each other.
void Generator::option_soup(const CommandSpec& spec, std::vector<std::string>& out, bool& newer) {
  std::vector<const Arg*> options;
  for (const Arg& arg : spec.args) {
    if (!arg.optional) emit(arg, out, newer, 0);
  }
  flatten_options(spec.args, options);
  if (options.empty()) return;
  for (uint64_t i = 0, n = values_.below(4); i < n; ++i) {
    const Arg& arg = *values_.pick(options);
    if (arg.newer && !values_.percent(10)) continue;
    out.push_back(values_.random_case(arg.token));
    newer |= arg.newer;
    if (arg.type == "block") {
      for (const Arg& child : arg.children) emit(child, out, newer, 1);
    } else if (arg.type != "pure-token" && !values_.percent(5)) {
      emit_leaf(arg, out);
    }
  }
}

void Generator::emit(const Arg& arg, std::vector<std::string>& out, bool& newer, int depth) {
  if (arg.optional && !values_.percent(40)) return;
  if (arg.newer && arg.optional && !values_.percent(8)) return;
  const uint64_t times = arg.multiple ? 1 + values_.below(values_.percent(5) ? 20 : 4) : 1;
  for (uint64_t i = 0; i < times; ++i) {
    if (!arg.token.empty() && (i == 0 || arg.multiple_token)) {
      out.push_back(values_.random_case(arg.token));
      newer |= arg.newer;
    }
    if (arg.type == "pure-token") continue;
    if (arg.type == "oneof" && !arg.children.empty()) {
      const Arg* chosen = &values_.pick(arg.children);
      for (int tries = 0; chosen->newer && tries < 3; ++tries) chosen = &values_.pick(arg.children);
      Arg one = *chosen;
      one.optional = false;
      emit(one, out, newer, depth + 1);
    } else if (arg.type == "block") {
      for (const Arg& child : arg.children) emit(child, out, newer, depth + 1);
    } else {
      emit_leaf(arg, out);
    }
  }
}

void Generator::emit_leaf(const Arg& arg, std::vector<std::string>& out) {
  const std::string& name = arg.name;
  const auto named = [&](std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* word) { return name == word; });
  };
  if (values_.percent(2)) return out.push_back(values_.string());  // the wrong kind of thing
  if (arg.type == "key") return out.push_back(a_key());
  if (arg.type == "pattern") return out.push_back(values_.pattern());
  if (arg.type == "unix-time") {
    const bool ms = name.find("milli") != std::string::npos || arg.token == "PXAT";
    return out.push_back(ms ? values_.unix_milliseconds() : values_.unix_seconds());
  }
  if (arg.type == "double") return out.push_back(values_.real());
  if (arg.type == "integer") {
    if (named({"seconds"})) return out.push_back(values_.seconds());
    if (named({"milliseconds"})) return out.push_back(values_.milliseconds());
    if (named({"start", "end", "index"})) return out.push_back(values_.index());
    if (named({"offset"}))
      return out.push_back(values_.percent(50) ? values_.byte_offset() : values_.bit_offset());
    if (named({"bit"}))
      return out.push_back(values_.percent(85) ? std::to_string(values_.below(2)) : values_.integer());
    if (named({"count"})) return out.push_back(values_.count());
    if (name.find("db") != std::string::npos || name.find("index") != std::string::npos) {
      return out.push_back(values_.db());
    }
    return out.push_back(values_.integer());
  }
  out.push_back(values_.string());
}

void Generator::mutate(std::vector<std::string>& args) {
  switch (values_.below(8)) {
    case 0:
    case 1:  // too few
      if (args.size() > 1) args.resize(1 + values_.below(args.size() - 1));
      break;
    case 2:  // too many
      for (uint64_t i = 0, n = 1 + values_.below(3); i < n; ++i) args.push_back(values_.string());
      break;
    case 3:
      args.push_back(values_.junk());
      break;
    case 4:  // one argument of another kind
      if (args.size() > 1)
        args[1 + values_.below(args.size() - 1)] = values_.percent(50) ? values_.junk() : values_.integer();
      break;
    case 5:  // one missing in the middle
      if (args.size() > 2)
        args.erase(args.begin() + 1 + static_cast<int64_t>(values_.below(args.size() - 1)));
      break;
    case 6:  // one twice
      if (args.size() > 1) {
        const std::string copy = args[1 + values_.below(args.size() - 1)];
        args.insert(args.begin() + 1 + static_cast<int64_t>(values_.below(args.size() - 1)), copy);
      }
      break;
    default:  // two swapped
      if (args.size() > 2)
        std::swap(args[1 + values_.below(args.size() - 1)], args[1 + values_.below(args.size() - 1)]);
      break;
  }
}

}  // namespace tessera::differential
