// Role: a program with one bug of each kind, for the test of the net that is to catch them (net_test.py).
// Usage: sanitize_probe race | heap | leak | shift | check. Exit code 0 where nothing stops it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

int shared_count = 0;

void race() {
  std::thread other([] { ++shared_count; });
  ++shared_count;
  other.join();
}

// What the compiler must not see through.
volatile size_t size = 100;
volatile int by = 40;

void heap() {
  volatile char* bytes = static_cast<char*>(std::malloc(size));
  bytes[0] = 1;
  std::printf("%d\n", bytes[size]);
  std::free(const_cast<char*>(bytes));
}

void leak() {
  volatile char* bytes = static_cast<char*>(std::malloc(size));
  bytes[0] = 1;
}

void shift() {
  std::printf("%d\n", 1 << by);
}

}  // namespace

int main(int argc, char** argv) {
  const char* kind = argc > 1 ? argv[1] : "";
  if (std::strcmp(kind, "race") == 0) race();
  if (std::strcmp(kind, "heap") == 0) heap();
  if (std::strcmp(kind, "leak") == 0) leak();
  if (std::strcmp(kind, "shift") == 0) shift();
  if (std::strcmp(kind, "check") == 0) std::abort();
  return 0;
}
