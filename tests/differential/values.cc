// Role: see values.h.
#include "tests/differential/values.h"

namespace tessera::differential {

Values::Values(uint64_t seed) : random_(seed) {
  for (int i = 0; i < 48; ++i) pool_.push_back("key:" + std::to_string(i));
  for (int i = 0; i < 6; ++i) pool_.push_back("{tag}" + std::to_string(i));
  for (int i = 0; i < 4; ++i) pool_.push_back("a{tag" + std::to_string(i) + "}b");
  for (const char* odd : {"", " ", "0", "-1", "foo{}{bar}", "{}", "foo{bar", "*", "?", "[a-c]", "key:[1]",
                          "\\x", "KEY:1", "a b", "\"quoted\"", "\r\n", "$5", "\xc3\xa9\xe2\x82\xac"}) {
    pool_.push_back(odd);
  }
  pool_.push_back(std::string("\0\x01\xff bin", 7));
  pool_.push_back(std::string(300, 'L'));
  pool_.push_back(std::string(70, 'm') + "{tag}");
}

std::string Values::key() {
  return pick(pool_);
}

std::string Values::key_of(const std::string& group) {
  if (percent(15)) return key();
  return (percent(20) ? "{tag}" : "") + group + ":" + std::to_string(below(10));
}

std::string Values::big_key() {
  return "big:" + std::to_string(below(4));
}

std::string Values::string() {
  static const std::vector<size_t> kEdges = {0,  1,  2,  8,  9,   19,  20,  21,  43,   44,
                                             45, 63, 64, 65, 128, 255, 256, 500, 1024, 4096};
  switch (below(12)) {
    case 0:
      return "";
    case 1:
    case 2:
      return integer();
    case 3:
      return real();
    case 4: {  // binary
      std::string bytes(below(40), '\0');
      for (char& c : bytes) c = static_cast<char>(below(256));
      return bytes;
    }
    case 5:
      return std::string(pick(kEdges), static_cast<char>('a' + below(26)));
    case 6: {  // sizes next to the limits of encodings and classes of memory
      std::string text(pick(kEdges) + below(3), 'x');
      for (char& c : text) c = static_cast<char>('A' + below(26));
      return text;
    }
    case 7:
      return percent(5) ? std::string(16000 + below(60000), 'v') : "value";
    case 8:
      return std::string(below(20), '\xff');
    default:
      return "v" + std::to_string(below(1000));
  }
}

std::string Values::integer() {
  static const std::vector<std::string> kLimits = {"0",
                                                   "1",
                                                   "-1",
                                                   "2",
                                                   "10",
                                                   "127",
                                                   "128",
                                                   "-128",
                                                   "-129",
                                                   "255",
                                                   "256",
                                                   "9999",
                                                   "10000",
                                                   "32767",
                                                   "32768",
                                                   "65535",
                                                   "65536",
                                                   "2147483647",
                                                   "2147483648",
                                                   "-2147483648",
                                                   "-2147483649",
                                                   "4294967295",
                                                   "4294967296",
                                                   "9223372036854775806",
                                                   "9223372036854775807",
                                                   "-9223372036854775807",
                                                   "-9223372036854775808",
                                                   "4611686018427387904",
                                                   "4611686018427387903",
                                                   "1000000000000000000",
                                                   "999999999999999999"};
  static const std::vector<std::string> kNearly = {"9223372036854775808",
                                                   "-9223372036854775809",
                                                   "18446744073709551615",
                                                   "18446744073709551616",
                                                   "",
                                                   " ",
                                                   "+1",
                                                   "+0",
                                                   "-0",
                                                   "00",
                                                   "01",
                                                   "007",
                                                   " 1",
                                                   "1 ",
                                                   "1\n",
                                                   "1.0",
                                                   "1.5",
                                                   "1e3",
                                                   "0x10",
                                                   "1_000",
                                                   "--1",
                                                   "-",
                                                   "+",
                                                   "abc",
                                                   "12abc",
                                                   "99999999999999999999999999",
                                                   "-99999999999999999999999999",
                                                   "١"};
  const uint64_t choice = below(10);
  if (choice < 4) return std::to_string(static_cast<int64_t>(below(200)) - 50);
  if (choice < 7) return pick(kLimits);
  if (choice < 9) return pick(kNearly);
  return std::to_string(static_cast<int64_t>(random_.next()));
}

std::string Values::small_integer() {
  return std::to_string(static_cast<int64_t>(below(134)) - 3);
}

std::string Values::real() {
  static const std::vector<std::string> kEdges = {"0",
                                                  "-0",
                                                  "0.0",
                                                  "-0.0",
                                                  "0.1",
                                                  "0.2",
                                                  "1.5",
                                                  "-1.5",
                                                  "3.0",
                                                  "3.00",
                                                  "10.6",
                                                  "1e2",
                                                  "1E2",
                                                  "1e-2",
                                                  "1e20",
                                                  "1e300",
                                                  "1e308",
                                                  "1.7976931348623157e308",
                                                  "1.8e308",
                                                  "1e309",
                                                  "-1e309",
                                                  "1e400",
                                                  "1e4932",
                                                  "1e5000",
                                                  "4.9e-324",
                                                  "1e-400",
                                                  "1e-5000",
                                                  "inf",
                                                  "+inf",
                                                  "-inf",
                                                  "Infinity",
                                                  "nan",
                                                  "-nan",
                                                  "NaN",
                                                  "0x1p4",
                                                  "0x10",
                                                  "1.",
                                                  ".5",
                                                  "-.5",
                                                  ".",
                                                  "e5",
                                                  "1e",
                                                  "1e+",
                                                  "1.5abc",
                                                  " 1.5",
                                                  "1.5 ",
                                                  "",
                                                  "+1.5",
                                                  "5.0e3",
                                                  "12345678901234567890",
                                                  "0.30000000000000004",
                                                  "9007199254740993",
                                                  "9223372036854775807.5",
                                                  "123456789.123456789123456789",
                                                  "1,5",
                                                  "3.0e-3"};
  if (percent(60)) return pick(kEdges);
  return std::to_string((random_.unit() - 0.5) * static_cast<double>(below(1000000)));
}

std::string Values::index() {
  static const std::vector<std::string> kEdges = {"0",
                                                  "-1",
                                                  "1",
                                                  "-2",
                                                  "2147483647",
                                                  "2147483648",
                                                  "-2147483648",
                                                  "4294967295",
                                                  "4294967296",
                                                  "9223372036854775807",
                                                  "-9223372036854775808",
                                                  "-9223372036854775807"};
  const uint64_t choice = below(10);
  if (choice < 6) return std::to_string(static_cast<int64_t>(below(60)) - 20);
  if (choice < 9) return pick(kEdges);
  return integer();
}

std::string Values::bit_offset() {
  static const std::vector<std::string> kRefused = {"-1",
                                                    "4294967296",
                                                    "4294967300",
                                                    "8589934592",
                                                    "9223372036854775807",
                                                    "9223372036854775808",
                                                    "-9223372036854775808",
                                                    "#1",
                                                    "1.5",
                                                    "",
                                                    "+1",
                                                    "01"};
  if (percent(10)) return pick(kRefused);
  return std::to_string(percent(3) ? below(100000) : below(200));
}

std::string Values::byte_offset() {
  static const std::vector<std::string> kRefused = {
      "-1", "536870912", "536870913", "9223372036854775807", "x", "", "-9223372036854775808"};
  if (percent(10)) return pick(kRefused);
  return std::to_string(percent(3) ? below(20000) : below(100));
}

std::string Values::count() {
  static const std::vector<std::string> kEdges = {
      "0", "-1", "1", "2", "10", "1000", "100000", "9223372036854775807", "-9223372036854775808"};
  return percent(80) ? pick(kEdges) : integer();
}

std::string Values::pattern() {
  static const std::vector<std::string> kPatterns = {
      "*",      "",   "key:*", "key:?", "key:[1-3]*",  "key:[^1]*", "*{tag}*", "k*1",   "?",     "\\*",
      "[",      "[]", "[a",    "[^]",   "key:\\[1\\]", "**",        "*a*b*",   "KEY:*", "big:*", "key:[3-1]",
      "*\xff*", "\\", "a\\",   "[\\]]", "[a-]",        "nokey*",    "{tag}0",  "{tag}*"};
  return pick(kPatterns);
}

std::string Values::db() {
  static const std::vector<std::string> kDbs = {"0", "0", "0", "1", "1", "9", "15"};
  static const std::vector<std::string> kOdd = {
      "16", "-1", "abc", "", "99999999999999999999", "1.0", "01", "2147483648", "4294967296", "+1"};
  return percent(85) ? pick(kDbs) : pick(kOdd);
}

std::string Values::seconds() {
  static const std::vector<std::string> kEdges = {"0",
                                                  "-1",
                                                  "-1000000",
                                                  "9223372036854775807",
                                                  "-9223372036854775808",
                                                  "9223372036854776",
                                                  "9223372036854775",
                                                  "-9223372036854776",
                                                  "abc",
                                                  "",
                                                  "1.5",
                                                  "10 ",
                                                  "99999999999999999999",
                                                  "+100000"};
  // Never near the exact band, and far enough apart that two servers' clocks cannot order them differently.
  if (percent(15)) return pick(kEdges);
  return std::to_string(100000 + below(1000000000));
}

std::string Values::milliseconds() {
  static const std::vector<std::string> kEdges = {
      "0",   "-1", "-100000000000", "9223372036854775807", "-9223372036854775808", "9223372036854775000",
      "abc", "",   "1e3",           "99999999999999999999"};
  if (percent(15)) return pick(kEdges);
  return std::to_string(100000000 + below(1000000000000));
}

std::string Values::unix_seconds() {
  static const std::vector<std::string> kEdges = {"0",
                                                  "1",
                                                  "-1",
                                                  "1000000000",
                                                  "9223372036854775807",
                                                  "-9223372036854775808",
                                                  "9223372036854775",
                                                  "9223372036854776",
                                                  "-9223372036854776",
                                                  "abc",
                                                  "",
                                                  "4102444800"};
  if (percent(20)) return pick(kEdges);
  return std::to_string(kExactFromMs / 1000 + static_cast<int64_t>(below(100000000)));
}

std::string Values::unix_milliseconds() {
  static const std::vector<std::string> kEdges = {"0",
                                                  "1",
                                                  "-1",
                                                  "1000000000000",
                                                  "9223372036854775807",
                                                  "-9223372036854775808",
                                                  "9223372036854775808",
                                                  "abc",
                                                  "",
                                                  "4102444800000"};
  if (percent(20)) return pick(kEdges);
  return std::to_string(kExactFromMs + static_cast<int64_t>(below(100000000000)));
}

std::string Values::random_case(const std::string& word) {
  std::string out = word;
  const uint64_t style = below(10);
  for (char& c : out) {
    const bool up = style < 6 ? false : style < 9 ? true : percent(50);
    if (up && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!up && style < 6 && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string Values::junk() {
  static const std::vector<std::string> kWords = {
      "junk", "EXX", "nxx", "WITHJUNK", "-", "", "ex ", "key", std::string("n\0x", 3), "\xff\xfe", "100"};
  return pick(kWords);
}

}  // namespace tessera::differential
