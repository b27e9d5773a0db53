// Role: fuzzes the request parser and the reply reader: whatever the bytes and however they are cut, the same
// commands come out, and memory stays in proportion to what was fed. Thread: one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/resp/parser.h"

namespace {

using tessera::resp::ParsedArgs;
using tessera::resp::Parser;
using tessera::resp::ParserLimits;

struct Outcome {
  std::vector<std::string> words;  // all commands, each ended by an empty marker with its count
  std::string error;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view stream, size_t step, bool authenticated) {
  Parser parser;
  ParserLimits limits;
  limits.authenticated = authenticated;
  Outcome outcome;
  size_t fed = 0;
  while (fed < stream.size() && outcome.error.empty()) {
    const std::string piece(stream.substr(fed, step));
    fed += piece.size();
    parser.feed(piece);
    ParsedArgs args;
    for (;;) {
      uint32_t argc = 0;
      const size_t before = args.views.size();
      const auto status = parser.next(limits, args, argc);
      TESSERA_CHECK(args.views.size() == before + argc);
      if (status == Parser::Status::kCommand) {
        TESSERA_CHECK(argc > 0);
        for (size_t i = before; i < args.views.size(); ++i) outcome.words.emplace_back(args.views[i]);
        outcome.words.push_back("#" + std::to_string(argc));
      } else if (status == Parser::Status::kError) {
        outcome.error = parser.error();
        break;
      } else if (status == Parser::Status::kNeedMore) {
        break;
      }
    }
    args.clear();
    parser.done();
    // Pieces of 32 bytes stand for arguments of at least 4 ("$0\r\n" and so on), and vectors double.
    TESSERA_CHECK(parser.memory_bytes() <= 4096 + fed * 24);
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool authenticated = (data[0] & 1) != 0;
  const size_t step = data[1] % 64 + 1;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = parse(stream, stream.size() + 1, authenticated);
  TESSERA_CHECK(whole == parse(stream, step, authenticated));
  return 0;
}
