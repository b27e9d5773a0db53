// Role: hooks of the parameters that are lists: addresses, save points, limits, percentiles. Thread: any,
// pure.
#include "server/config/specials.h"

#include <cstdlib>

#include "common/base/check.h"
#include "common/text/floats.h"
#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/sizes.h"
#include "common/text/strings.h"

namespace tessera::config {

namespace {

using registry::ParameterHooks;
using registry::SpecialInput;
using registry::SpecialLine;

constexpr const char* kWrongCount = "wrong number of arguments";
// As files and INFO name the classes; CONFIG GET says "slave".
constexpr const char* kClassNames[kClientClassCount] = {"normal", "slave", "pubsub"};
constexpr const char* kClassFileNames[kClientClassCount] = {"normal", "replica", "pubsub"};

// Whole text as strtoll reads it: leading blanks, signs and zeros pass, and an empty text is 0. Redis reads
// the numbers of these lists so, unlike plain integers.
bool loose_integer(const std::string& text, long long& value) {
  char* end = nullptr;
  value = std::strtoll(text.c_str(), &end, 10);
  return *end == '\0' && text.find('\0') == std::string::npos;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  if (text.empty()) return words;
  for (std::string_view word : text::split(text, ' ')) words.emplace_back(word);
  return words;
}

std::string joined(std::span<const std::string> words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

Result<std::string> parse_bind(const SpecialInput& input) {
  if (input.words.size() > kMaxBindAddresses) return Error{"Too many bind addresses specified."};
  if (input.words.size() == 1 && input.words[0].empty()) return std::string();
  return joined(input.words);
}

std::vector<SpecialLine> always_written(const std::string& text, const std::string&) {
  return {{text.empty() ? "\"\"" : text, false}};
}

std::vector<SpecialLine> plain_or_quoted(const std::string& text, const std::string& default_text) {
  return {{text.empty() ? "\"\"" : text, text == default_text}};
}

Result<std::string> parse_save(const SpecialInput& input) {
  const auto& words = input.words;
  if (words.empty() || (words.size() == 1 && words[0].empty())) return std::string();
  const Error invalid{"Invalid save parameters"};
  if (words.size() % 2 != 0) return invalid;
  // Lines of a file add up, and the first one replaces the default.
  std::string out = input.from_file && !input.first ? input.before : "";
  for (size_t i = 0; i < words.size(); i += 2) {
    long long seconds = 0;
    long long changes = 0;
    if (!loose_integer(words[i], seconds) || !loose_integer(words[i + 1], changes)) return invalid;
    if (seconds < 1 || changes < 0) return invalid;
    if (!out.empty()) out += ' ';
    out += text::to_text(seconds) + ' ' + text::to_text(changes);
  }
  return out;
}

// Always written out, as redis-server does: what is saved when is too dear to depend on a default.
std::vector<SpecialLine> save_lines(const std::string& text, const std::string&) {
  std::vector<SpecialLine> lines;
  for (const SaveRule& rule : save_rules_of(text)) {
    lines.push_back({text::to_text(rule.seconds) + ' ' + text::to_text(rule.changes), false});
  }
  if (lines.empty()) lines.push_back({"\"\"", false});
  return lines;
}

int client_class_of(const std::string& name) {
  if (text::iequals(name, "normal")) return 0;
  if (text::iequals(name, "slave") || text::iequals(name, "replica")) return 1;
  if (text::iequals(name, "pubsub")) return 2;
  return -1;
}

std::string limit_text(const OutputBufferLimit& limit) {
  return text::to_text(limit.hard_bytes) + ' ' + text::to_text(limit.soft_bytes) + ' ' +
         text::to_text(limit.soft_seconds);
}

Result<std::string> parse_output_buffer_limits(const SpecialInput& input) {
  const auto& words = input.words;
  if (words.size() % 4 != 0) return Error{"Wrong number of arguments in buffer limit configuration."};
  auto limits = output_buffer_limits_of(input.before);  // classes that are not named keep theirs
  for (size_t i = 0; i < words.size(); i += 4) {
    const int client_class = client_class_of(words[i]);
    if (client_class < 0) return Error{"Invalid client class specified in buffer limit configuration."};
    const auto hard = text::parse_memory_bytes(words[i + 1]);
    const auto soft = text::parse_memory_bytes(words[i + 2]);
    long long seconds = 0;
    const bool is_integer = loose_integer(words[i + 3], seconds);
    seconds = static_cast<int32_t>(seconds);  // all that redis-server keeps of it
    if (!hard || !soft || !is_integer || seconds < 0) {
      return Error{"Error in hard, soft or soft_seconds setting in buffer limit configuration."};
    }
    limits[static_cast<size_t>(client_class)] = {*hard, *soft, seconds};
  }
  std::string out;
  for (int i = 0; i < kClientClassCount; ++i) {
    if (i) out += ' ';
    out += std::string(kClassNames[i]) + ' ' + limit_text(limits[static_cast<size_t>(i)]);
  }
  return out;
}

std::string memory_text(uint64_t bytes) {
  constexpr uint64_t kUnits[] = {1ULL << 30, 1ULL << 20, 1ULL << 10};
  constexpr const char* kNames[] = {"gb", "mb", "kb"};
  for (int i = 0; i < 3; ++i) {
    if (bytes && bytes % kUnits[i] == 0) return text::to_text(bytes / kUnits[i]) + kNames[i];
  }
  return text::to_text(bytes);
}

std::vector<SpecialLine> output_buffer_limit_lines(const std::string& text, const std::string& default_text) {
  const auto limits = output_buffer_limits_of(text);
  const auto defaults = output_buffer_limits_of(default_text);
  std::vector<SpecialLine> lines;
  for (size_t i = 0; i < limits.size(); ++i) {
    lines.push_back({std::string(kClassFileNames[i]) + ' ' + memory_text(limits[i].hard_bytes) + ' ' +
                         memory_text(limits[i].soft_bytes) + ' ' + text::to_text(limits[i].soft_seconds),
                     limits[i] == defaults[i]});
  }
  return lines;
}

Result<std::string> parse_percentiles(const SpecialInput& input) {
  const auto& words = input.words;
  if (words.size() == 1 && words[0].empty()) return std::string();
  std::string out;
  for (const std::string& word : words) {
    const auto value = text::parse_double(word);
    if (!value) return Error{"Invalid latency-tracking-info-percentiles parameters"};
    if (*value < 0 || *value > 100) {
      return Error{"latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"};
    }
    std::string printed = text::fixed_text(*value, 6);
    while (printed.back() == '0') printed.pop_back();
    if (printed.back() == '.') printed.pop_back();
    if (!out.empty()) out += ' ';
    out += printed;
  }
  return out;
}

Result<std::string> parse_oom_score_adj_values(const SpecialInput& input) {
  if (input.words.size() != 3) return Error{kWrongCount};
  std::string out;
  for (const std::string& word : input.words) {
    long long value = 0;
    if (!loose_integer(word, value) || value < -2000 || value > 2000) {
      return Error{"Invalid oom-score-adj-values, elements must be between -2000 and 2000."};
    }
    if (!out.empty()) out += ' ';
    out += text::to_text(value);
  }
  return out;
}

Result<std::string> parse_replicaof(const SpecialInput& input) {
  if (input.words.size() != 2) return Error{kWrongCount};
  if (text::iequals(input.words[0], "no") && text::iequals(input.words[1], "one")) return std::string();
  long long port = 0;
  if (!loose_integer(input.words[1], port) || port < 0 || port > registry::kMaxPort) {
    return Error{"Invalid master port"};
  }
  return input.words[0] + ' ' + text::to_text(port);
}

std::vector<SpecialLine> replicaof_lines(const std::string& text, const std::string& default_text) {
  if (text.empty()) return {};
  return {{text, text == default_text}};
}

}  // namespace

std::vector<SaveRule> save_rules_of(const std::string& text) {
  const auto words = words_of(text);
  TESSERA_CHECK(words.size() % 2 == 0);
  std::vector<SaveRule> rules;
  for (size_t i = 0; i < words.size(); i += 2) {
    rules.push_back({std::atoll(words[i].c_str()), std::atoll(words[i + 1].c_str())});
  }
  return rules;
}

std::array<OutputBufferLimit, kClientClassCount> output_buffer_limits_of(const std::string& text) {
  std::array<OutputBufferLimit, kClientClassCount> limits{};
  const auto words = words_of(text);
  TESSERA_CHECK(words.size() % 4 == 0);
  for (size_t i = 0; i < words.size(); i += 4) {
    const int client_class = client_class_of(words[i]);
    TESSERA_CHECK(client_class >= 0);
    limits[static_cast<size_t>(client_class)] = {std::strtoull(words[i + 1].c_str(), nullptr, 10),
                                                 std::strtoull(words[i + 2].c_str(), nullptr, 10),
                                                 std::atoll(words[i + 3].c_str())};
  }
  return limits;
}

std::vector<double> percentiles_of(const std::string& text) {
  std::vector<double> values;
  for (const std::string& word : words_of(text)) values.push_back(std::strtod(word.c_str(), nullptr));
  return values;
}

std::array<int, 3> oom_score_adj_values_of(const std::string& text) {
  const auto words = words_of(text);
  TESSERA_CHECK(words.size() == 3);
  return {std::atoi(words[0].c_str()), std::atoi(words[1].c_str()), std::atoi(words[2].c_str())};
}

std::vector<std::string> bind_addresses_of(const std::string& text) {
  std::vector<std::string> addresses;
  for (std::string& word : words_of(text)) {
    if (!word.empty()) addresses.push_back(std::move(word));
  }
  return addresses;
}

PrimaryAddress primary_of(const std::string& text) {
  const size_t blank = text.rfind(' ');
  if (blank == std::string::npos) return {};
  return {text.substr(0, blank), std::atoi(text.c_str() + blank + 1)};
}

const ParameterHooks kBindHooks = {parse_bind, plain_or_quoted};
const ParameterHooks kSaveHooks = {parse_save, save_lines};
const ParameterHooks kOutputBufferLimitHooks = {parse_output_buffer_limits, output_buffer_limit_lines};
const ParameterHooks kPercentilesHooks = {parse_percentiles, always_written};
const ParameterHooks kOomScoreAdjValuesHooks = {parse_oom_score_adj_values, plain_or_quoted};
const ParameterHooks kReplicaofHooks = {parse_replicaof, replicaof_lines};

}  // namespace tessera::config
