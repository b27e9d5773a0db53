// Role: RESTORE with payloads of several types, whole and damaged, and options in all combinations. Thread:
// any.
#include "common/hash/crc64.h"
#include "tests/differential/special.h"

namespace tessera::differential {

namespace {

// Of at most 63 bytes.
std::string packed_string(const std::string& text) {
  return static_cast<char>(text.size()) + text;
}

std::string little(uint64_t value, int bytes) {
  return std::string(reinterpret_cast<const char*>(&value), static_cast<size_t>(bytes));
}

// Elements are short texts that are no numbers, or numbers of 7 bits.
class Listpack {
 public:
  void text(const std::string& text) { element(static_cast<char>(0x80 | text.size()) + text); }
  void number(uint64_t n) { element(std::string(1, static_cast<char>(n & 0x7f))); }
  std::string string() const {
    const std::string bytes = little(7 + body_.size(), 4) + little(count_, 2) + body_ + "\xff";
    return static_cast<char>(0x40 | bytes.size() >> 8) + std::string(1, static_cast<char>(bytes.size())) +
           bytes;
  }

 private:
  void element(const std::string& bytes) {
    body_ += bytes + static_cast<char>(bytes.size());
    ++count_;
  }
  std::string body_;
  uint64_t count_ = 0;
};

// A type byte and a value. Not damaged: what is in it is verified in different depth.
std::string body(Values& v) {
  const uint64_t n = 1 + v.below(8);
  Listpack pack;
  std::string members(1, static_cast<char>(n));
  std::string numbers = little(2, 4) + little(n, 4);
  for (uint64_t i = 0; i < n; ++i) {
    const std::string name = "m" + std::to_string(i);
    members += packed_string(name);
    numbers += little(i * 3, 2);
    pack.text(name);
    pack.number(i);
  }
  switch (v.below(6)) {
    case 0:
      return std::string(1, '\0') + packed_string(std::string(v.below(60), 'v'));
    case 1:
      return std::string("\0\xc0", 2) + static_cast<char>(v.below(256));
    case 2:
      return std::string("\x12\1\2", 3) + pack.string();
    case 3:
      return std::string(1, v.percent(50) ? '\x10' : '\x11') + pack.string();
    case 4:
      return "\x0b" + packed_string(numbers);
    default:
      return "\x02" + members;
  }
}

std::string payload(Values& v) {
  if (v.percent(3)) return v.string();
  std::string bytes = v.percent(3) ? "\x63" : body(v);
  bytes += little(v.percent(3) ? 999 : 10, 2);
  bytes += little(hash::crc64(0, bytes), 8);
  if (v.percent(5)) bytes[v.below(bytes.size())] ^= 1;
  return bytes;
}

Op make_restore(Generator& g, const CommandSpec& spec) {
  Values& v = g.values();
  std::vector<std::string> args = {v.key(), "0", payload(v)};
  if (v.percent(30))
    args[1] = v.percent(90) ? v.milliseconds() : "1x";  // never soon: both have to agree when
  bool absolute = false;
  for (uint64_t i = v.below(4); i > 0; --i) {
    switch (v.below(6)) {
      case 0:
      case 1:
        args.push_back(v.random_case("REPLACE"));
        break;
      case 2:
        args.push_back(v.random_case("ABSTTL"));
        absolute = true;
        break;
      case 3:
        args.push_back(v.random_case("IDLETIME"));
        args.push_back(v.small_integer());
        break;
      case 4:
        args.push_back(v.random_case("FREQ"));
        args.push_back(v.percent(80) ? std::to_string(v.below(300)) : v.integer());
        break;
      default:
        args.push_back(v.junk());
    }
  }
  if (absolute && args[1] != "0") args[1] = v.unix_milliseconds();
  return special_words(g, spec, std::move(args));
}

Op make_dump(Generator& g, const CommandSpec& spec) {
  return special_words(g, spec, {g.values().key()});
}

}  // namespace

const std::vector<Special>& dump_specials() {
  static const std::vector<Special> kTable = {{"dump", make_dump, 20, true},
                                              {"restore", make_restore, 30, false},
                                              {"restore-asking", make_restore, 5, false}};
  return kTable;
}

}  // namespace tessera::differential
