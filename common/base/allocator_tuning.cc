// Role: see allocator_tuning.h. jemalloc's names have values of 1, 4 or 8 bytes, and a wrong size is an
// error: the sizes are tried in turn.
#include "common/base/allocator_tuning.h"

#include <cerrno>
#include <cstring>

extern "C" {
__attribute__((weak)) int mallctl(const char* name, void* old, size_t* old_size, void* value,
                                  size_t value_size);
__attribute__((weak)) int mallctlnametomib(const char* name, size_t* mib, size_t* mib_size);
}

namespace tessera {

namespace {

constexpr size_t kNumberSizes[] = {8, 4, 1};

Error failed(int code) {
  return Error{std::strerror(code), code};
}

// Names whose values are texts: jemalloc itself does not tell the type of a value, and a number that is taken
// for an address ends the process.
bool holds_text(const std::string& name) {
  static constexpr const char* kEnds[] = {".dss",
                                          "version",
                                          "config.malloc_conf",
                                          ".prof.name",
                                          ".prof_prefix",
                                          ".percpu_arena",
                                          ".junk",
                                          ".metadata_thp",
                                          ".thp",
                                          "opt.stats_print_opts",
                                          "opt.stats_interval_opts"};
  for (const char* end : kEnds) {
    const std::string_view text = end;
    if (name.size() >= text.size() && name.compare(name.size() - text.size(), text.size(), text) == 0)
      return true;
  }
  return false;
}

bool is_known(const std::string& name) {
  size_t mib[16];
  size_t size = sizeof(mib) / sizeof(mib[0]);
  return mallctlnametomib(name.c_str(), mib, &size) == 0;
}

}  // namespace

bool allocator_is_tunable() {
  return mallctl != nullptr && mallctlnametomib != nullptr;
}

Result<std::optional<int64_t>> allocator_number(const std::string& name, std::optional<int64_t> value) {
  for (const size_t size : kNumberSizes) {
    uint64_t old = 0;
    uint64_t wanted = static_cast<uint64_t>(value.value_or(0));  // little-endian: its first bytes
    size_t old_size = size;
    void* const in = value ? &wanted : nullptr;
    const size_t in_size = value ? size : 0;
    int code = mallctl(name.c_str(), &old, &old_size, in, in_size);
    if (code == 0) {
      if (size == 4) old = static_cast<uint32_t>(old);
      return std::optional<int64_t>(static_cast<int64_t>(old));
    }
    // One that can be written only.
    if (code == EPERM && value) {
      if (mallctl(name.c_str(), nullptr, nullptr, in, in_size) == 0) return std::optional<int64_t>();
    }
    if (code != EINVAL) return failed(code);
  }
  return failed(EINVAL);
}

Result<std::optional<std::string>> allocator_text(const std::string& name,
                                                  const std::optional<std::string>& value) {
  const char* old = nullptr;
  size_t size = sizeof(old);
  const bool is_void = value && *value == "VOID";
  int read_code = 0;
  if (!is_known(name)) {
    read_code = ENOENT;
  } else if (is_void && !holds_text(name)) {
    read_code = EPERM;  // a name that does something
  } else {
    read_code = holds_text(name) ? mallctl(name.c_str(), &old, &size, nullptr, 0) : EINVAL;
  }
  if (read_code != 0 && !(read_code == EPERM && value)) return failed(read_code);
  std::optional<std::string> before;
  if (read_code == 0) before = old != nullptr ? old : "";  // copied before it is written
  int write_code = 0;
  if (value) {
    const char* text = value->c_str();
    write_code = is_void ? mallctl(name.c_str(), nullptr, nullptr, nullptr, 0)
                         : mallctl(name.c_str(), nullptr, nullptr, &text, sizeof(text));
  }
  // As redis-server: what could be read is said, whatever became of the writing.
  if (!before && write_code != 0) return failed(write_code);
  return before;
}

}  // namespace tessera
