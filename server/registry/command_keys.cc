#include "server/registry/command_keys.h"

#include <algorithm>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::registry {
namespace {

// Where the keys of a specification begin in this call; 0: its keyword is not there.
int64_t begin_of(const KeySpec& spec, const Args& args) {
  if (spec.begin == KeySpec::Begin::kIndex) return spec.index;
  const auto argc = static_cast<int64_t>(args.size());
  const bool backwards = spec.index <= 0;
  for (int64_t i = backwards ? argc + spec.index : spec.index; i > 0 && i < argc; i += backwards ? -1 : 1) {
    if (text::iequals(args[static_cast<size_t>(i)], spec.keyword)) return i + 1;
  }
  return 0;
}

struct Run {
  int64_t first = 0, last = -1, step = 1;
};

// The keys a specification finds from `begin` on. False: the arguments do not fit it.
bool run_of(const KeySpec& spec, const Args& args, int64_t begin, bool none_is_fine, Run& run) {
  const auto argc = static_cast<int64_t>(args.size());
  if (spec.find == KeySpec::Find::kRange) {
    run.first = begin;
    run.step = spec.b;
    if (spec.a >= 0) {
      run.last = begin + spec.a;
    } else if (spec.c <= 1) {
      run.last = argc + spec.a;
    } else {
      run.last = begin + (argc - begin) / spec.c + spec.a;  // only the first 1/limit of what is left are keys
    }
  } else {
    const int64_t count_at = begin + spec.a;
    if (count_at >= argc) return false;
    const auto parsed = text::parse_int64(args[static_cast<size_t>(count_at)]);
    if (!parsed) return false;
    const auto count = static_cast<int32_t>(*parsed);  // as redis-server: the handler sees what is wrong
    if (count < 0 || count > argc) return false;
    run.first = begin + spec.b;
    run.step = spec.c;
    run.last = run.first + (count - 1) * run.step;
    if (count == 0) return none_is_fine;
  }
  return run.first > 0 && run.first <= run.last && run.last < argc;
}

// `all_must_fit`: one that does not is the end; else it is left out.
bool keys_by_specs(const CommandRow& row, const Args& args, KeyPositions& out, FakeKeys fake,
                   bool all_must_fit = true) {
  for (const KeySpec& spec : row.keys.spec) {
    if (spec.begin == KeySpec::Begin::kNone) break;
    if ((spec.flags & kKeyNotKey) != 0 && fake == FakeKeys::kSkip) continue;
    if (spec.begin == KeySpec::Begin::kUnknown || spec.find == KeySpec::Find::kUnknown) return false;
    const int64_t begin = begin_of(spec, args);
    if (begin == 0) continue;
    Run run;
    if (!run_of(spec, args, begin, (row.flags & kNoMandatoryKeys) != 0, run)) {
      if (all_must_fit) return false;
      continue;
    }
    for (int64_t i = run.first; i <= run.last; i += run.step) {
      const int at = static_cast<int>(i);
      const bool ask = (spec.flags & kKeyVariableFlags) != 0 && row.key_flags_hook != nullptr;
      const uint16_t flags = ask ? row.key_flags_hook(args, at) : spec.flags;
      out.add(at, flags & static_cast<uint16_t>(~kKeyVariableFlags));
    }
  }
  return true;
}

// The digits in front of an argument, as atoi() reads them.
int32_t loose_count(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))) ++i;
  const bool negative = i < text.size() && text[i] == '-';
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  uint64_t value = 0;
  const uint64_t most = (uint64_t{1} << 63) - (negative ? 0 : 1);
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    const auto digit = static_cast<uint64_t>(text[i] - '0');
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
  }
  const auto number = static_cast<int64_t>(negative ? 0 - value : value);
  return static_cast<int32_t>(number);
}

// Where a count of keys is not the strict number that a specification asks for ("01", "2x"), redis-server
// falls back on an older reader: the keys it counts, then the others of the call, and nothing known of what
// is done with them.
bool keys_by_loose_count(const CommandRow& row, const Args& args, KeyPositions& out) {
  const auto argc = static_cast<int64_t>(args.size());
  for (const KeySpec& spec : row.keys.spec) {
    if (spec.find != KeySpec::Find::kKeynum || spec.begin != KeySpec::Begin::kIndex) continue;
    if (spec.index + spec.a >= argc) return false;
    const int64_t first = spec.index + spec.b;
    const int32_t count = loose_count(args[static_cast<size_t>(spec.index + spec.a)]);
    if (count < 1 || count > (argc - first) / spec.c) return false;
    for (int64_t i = 0; i < count; ++i) out.add(static_cast<int>(first + i * spec.c), 0);
    for (const KeySpec& other : row.keys.spec) {
      if (other.find == KeySpec::Find::kRange && other.begin == KeySpec::Begin::kIndex)
        out.add(other.index, 0);
    }
    return true;
  }
  return false;
}

bool keys_by_hook(const CommandRow& row, const Args& args, KeyPositions& out) {
  std::vector<int> positions;
  if (!row.key_hook(args, positions)) return false;
  for (const int at : positions) {
    const uint16_t flags = row.key_flags_hook ? row.key_flags_hook(args, at) : row.keys.spec[0].flags;
    out.add(at, flags & static_cast<uint16_t>(~kKeyVariableFlags));
  }
  return true;
}

}  // namespace

void KeyPositions::grow(size_t at_least) {
  const size_t capacity = std::max(at_least, capacity_ * 2);
  std::unique_ptr<KeyPosition[]> bigger(new KeyPosition[capacity]);
  std::copy_n(data(), size_, bigger.get());
  heap_ = std::move(bigger);
  capacity_ = capacity;
}

bool get_keys(const CommandRow& row, const Args& args, KeyPositions& out, FakeKeys fake) {
  out.clear();
  bool found = row.key_hook ? keys_by_hook(row, args, out) : keys_by_specs(row, args, out, fake);
  if (!found) out.clear();
  if (!found && (row.flags & kMovableKeys) != 0) found = keys_by_loose_count(row, args, out);
  return found;
}

void get_fitting_keys(const CommandRow& row, const Args& args, KeyPositions& out) {
  out.clear();
  if (row.key_hook || !keys_by_specs(row, args, out, FakeKeys::kInclude, false)) out.clear();
}

bool has_keys(const CommandRow& row, FakeKeys fake) {
  if (row.key_hook) return true;
  const int count = row.keys.count();
  for (int i = 0; i < count; ++i) {
    if ((row.keys.spec[i].flags & kKeyNotKey) == 0 || fake == FakeKeys::kInclude) return true;
  }
  return false;
}

int single_key_of_specs(const CommandRow& row) {
  if (row.key_hook) return -1;
  const int count = row.keys.count();
  if (count == 0) return 0;
  const KeySpec& spec = row.keys.spec[0];
  const bool one = count == 1 && spec.begin == KeySpec::Begin::kIndex && spec.find == KeySpec::Find::kRange &&
                   spec.a == 0 && (spec.flags & kKeyNotKey) == 0;
  return one && spec.index < (row.arity < 0 ? -row.arity : row.arity) ? spec.index : -1;
}

}  // namespace tessera::registry
