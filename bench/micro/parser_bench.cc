// Role: what parsing a request costs, in a pipeline as clients send it, and in pieces. One thread.
#include <benchmark/benchmark.h>

#include <string>

#include "common/resp/parser.h"
#include "common/resp/value.h"

namespace tessera {
namespace {

std::string pipeline(const std::vector<std::string>& args, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) resp::append_command(bytes, args);
  return bytes;
}

void parse(benchmark::State& state, const std::string& bytes, int64_t commands, size_t piece) {
  resp::Parser parser;
  resp::ParsedArgs args;
  const resp::ParserLimits limits;
  int64_t parsed = 0;
  for (auto _ : state) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      parser.feed(std::string_view(bytes).substr(at, piece));
      uint32_t argc = 0;
      while (parser.next(limits, args, argc) == resp::Parser::Status::kCommand) ++parsed;
      benchmark::DoNotOptimize(args.views.data());
      args.clear();
      parser.done();
    }
  }
  if (parsed != commands * static_cast<int64_t>(state.iterations()))
    state.SkipWithError("commands were lost");
  state.SetItemsProcessed(parsed);
}

void parse_get(benchmark::State& state) {
  const auto count = state.range(0);
  const std::string bytes = pipeline({"GET", "key:000000000001"}, static_cast<int>(count));
  parse(state, bytes, count, bytes.size());
}
BENCHMARK(parse_get)->Arg(1)->Arg(16)->Arg(100);

void parse_set(benchmark::State& state) {
  const auto count = state.range(0);
  const std::string bytes =
      pipeline({"SET", "key:000000000001", std::string(32, 'v')}, static_cast<int>(count));
  parse(state, bytes, count, bytes.size());
}
BENCHMARK(parse_set)->Arg(1)->Arg(16)->Arg(100);

// Commands cut anywhere, as by small packets.
void parse_set_in_pieces(benchmark::State& state) {
  parse(state, pipeline({"SET", "key:000000000001", std::string(32, 'v')}, 16), 16,
        static_cast<size_t>(state.range(0)));
}
BENCHMARK(parse_set_in_pieces)->Arg(7)->Arg(100);

}  // namespace
}  // namespace tessera
