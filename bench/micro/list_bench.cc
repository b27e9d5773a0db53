// Role: what lists cost below the commands: a push and a pop at either end, an index in a long list, a range.
#include <benchmark/benchmark.h>

#include <string>

#include "common/resp/writer.h"
#include "server/store/types/list.h"

namespace tessera::store {
namespace {

struct Long {
  explicit Long(size_t n, size_t element_bytes = 10) : keyspace(options()), key(keyspace.make_key("list")) {
    keyspace.set_owner_thread();
    const std::string text(element_bytes, 'x');
    ListEditor editor(keyspace, 0, key, nullptr, {});
    const NewListElement element{text, nullptr};
    for (size_t i = 0; i < n; ++i) editor.push(ListSide::kTail, {&element, 1});
  }
  static KeyspaceOptions options() {
    KeyspaceOptions o;
    o.hash_seed = 1;
    return o;
  }
  ListEditor editor() { return ListEditor(keyspace, 0, key, keyspace.find(0, key), {}); }
  Keyspace keyspace;
  Key key;
};

void push_and_pop(benchmark::State& state) {
  Long list(static_cast<size_t>(state.range(0)));
  const NewListElement element{"0123456789", nullptr};
  const ListSide in = state.range(1) ? ListSide::kHead : ListSide::kTail;
  const ListSide out = in == ListSide::kHead ? ListSide::kTail : ListSide::kHead;
  for (auto _ : state) {
    list.editor().push(in, {&element, 1});
    list.editor().pop(out, 1);
  }
  state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(push_and_pop)->Args({10, 0})->Args({10, 1})->Args({300, 0})->Args({1000000, 0})->Args({1000000, 1});

void push_only(benchmark::State& state) {
  Long list(1000);
  const NewListElement element{"xxx", nullptr};
  for (auto _ : state) list.editor().push(ListSide::kHead, {&element, 1});
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_only);

void index_of_long_list(benchmark::State& state) {
  Long list(static_cast<size_t>(state.range(0)));
  const ListReader reader(*list.keyspace.find(0, list.key));
  const size_t size = reader.size();
  size_t at = 0;
  for (auto _ : state) {
    at = (at + 7919 * 104729) % size;
    reader.for_each(at, 1, [&](const ListItem& item) {
      benchmark::DoNotOptimize(item.element.bytes.data());
      return true;
    });
  }
}
BENCHMARK(index_of_long_list)->Arg(10000)->Arg(1000000);

void range_of_100(benchmark::State& state) {
  Long list(100);
  const ListReader reader(*list.keyspace.find(0, list.key));
  resp::ChunkPool pool;
  for (auto _ : state) {
    resp::OutChain chain(pool);
    resp::Writer reply(chain, 2);
    reply.array(100);
    reader.for_each(0, 100, [&](const ListItem& item) {
      reply.bulk(item.element.bytes);
      return true;
    });
    benchmark::DoNotOptimize(chain.size());
  }
}
BENCHMARK(range_of_100);

}  // namespace
}  // namespace tessera::store
