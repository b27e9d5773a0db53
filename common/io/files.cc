// Role: whole files in terms of single operations, the same for every disk. Thread: those of Files.
#include "common/io/files.h"

namespace tessera::io {

namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::string> Files::read_all(const std::string& path) {
  auto file = open(path, OpenMode::kRead);
  if (!file) return file.error();
  auto size = (*file)->size();
  std::string content(size ? static_cast<size_t>(*size) : 0, '\0');
  size_t have = 0;
  // The size is a hint (0 for files of /proc): read until the end says so.
  for (;;) {
    if (have == content.size()) content.resize(have + 4096);
    auto got = (*file)->read(content.data() + have, content.size() - have);
    if (!got) return got.error();
    if (*got == 0) break;
    have += *got;
  }
  content.resize(have);
  return content;
}

Result<void> Files::replace(const std::string& path, std::string_view content, int permissions) {
  // In the same folder, so that the rename is one step; one writer a path is the callers' business.
  const std::string temporary = path + ".tmp";
  {
    auto file = open(temporary, OpenMode::kCreateTrunc, permissions);
    if (!file) return file.error();
    Result<void> done = (*file)->write(content);
    if (done) done = (*file)->sync();
    if (!done) {
      file->reset();
      (void)remove(temporary).ok();
      return done;
    }
  }
  if (auto renamed = rename(temporary, path); !renamed) {
    (void)remove(temporary).ok();
    return renamed;
  }
  return sync_dir(folder_of(path));
}

}  // namespace tessera::io
