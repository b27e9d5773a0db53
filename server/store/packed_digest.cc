// Role: digests of packed collections.
#include "server/store/packed_digest.h"

#include <cstdio>

#include "common/text/floats.h"
#include "common/text/integers.h"
#include "server/store/encodings/intset.h"
#include "server/store/encodings/listpack.h"

namespace tessera::store {

namespace {

// Scores lie as text (written by us, so it parses).
double packed_score(std::string_view score) {
  return text::parse_double(score).value_or(0);
}

// Calls f(text) for each element in order.
template <typename F>
void for_each_text(std::string_view bytes, F&& f) {
  const ListpackView view(bytes);
  char scratch[ListpackElement::kScratchBytes];
  for (size_t at = view.begin(); at < view.end(); at = view.next(at)) f(view.get(at).text(scratch));
}

// The same for pairs of neighbours.
template <typename F>
void for_each_pair(std::string_view bytes, F&& f) {
  const ListpackView view(bytes);
  char first[ListpackElement::kScratchBytes], second[ListpackElement::kScratchBytes];
  for (size_t at = view.begin(); at < view.end();) {
    const ListpackElement a = view.get(at);
    at = view.next(at);
    f(a.text(first), view.get(at).text(second));
    at = view.next(at);
  }
}

}  // namespace

void digest_pair(Digest& digest, std::string_view field, std::string_view value) {
  Digest one;
  one.mix(field);
  one.mix(value);
  digest.add(one);
}

void digest_scored(Digest& digest, std::string_view member, double score) {
  char text[128];
  const int n = std::snprintf(text, sizeof(text), "%.17g", score);
  digest_pair(digest, member, {text, static_cast<size_t>(n)});
}

void digest_intset(Digest& digest, std::string_view bytes) {
  const IntsetView view(bytes);
  char scratch[text::kInt64Chars];
  for (size_t i = 0; i < view.count(); ++i) {
    const char* end = text::write_int64(scratch, view.at(i));
    digest.add({scratch, static_cast<size_t>(end - scratch)});
  }
}

void digest_packed_list(Digest& digest, std::string_view bytes) {
  for_each_text(bytes, [&](std::string_view element) { digest.mix(element); });
}

void digest_packed_set(Digest& digest, std::string_view bytes) {
  for_each_text(bytes, [&](std::string_view member) { digest.add(member); });
}

void digest_packed_zset(Digest& digest, std::string_view bytes) {
  for_each_pair(bytes, [&](std::string_view member, std::string_view score) {
    digest_scored(digest, member, packed_score(score));
  });
}

void digest_packed_hash(Digest& digest, std::string_view bytes) {
  for_each_pair(bytes,
                [&](std::string_view field, std::string_view value) { digest_pair(digest, field, value); });
}

}  // namespace tessera::store
