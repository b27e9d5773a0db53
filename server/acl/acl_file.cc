// Role: see acl_file.h.
#include "server/acl/acl_file.h"

#include <cstring>

namespace tessera::acl {

Result<std::string> AclFile::read(io::Files& files) const {
  Result<std::string> text = files.read_all(path_);
  if (text.ok()) return text;
  const Error& error = text.error();
  const std::string reason = error.code != 0 ? std::strerror(error.code) : error.message;
  return Error{"Error loading ACLs, opening file '" + name_ + "': " + reason, error.code};
}

Result<void> AclFile::write(io::Files& files, std::string_view text, uint64_t turn) {
  const std::lock_guard<std::mutex> lock(writing_);
  if (turn < written_) return {};
  Result<void> done = files.replace(path_, text);
  if (done.ok()) written_ = turn;
  return done;
}

}  // namespace tessera::acl
