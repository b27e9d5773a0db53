// Role: --rdb, --functions-rdb, --replica: ask a server for what it gives its replicas. Invariant: the
// snapshot is written as it comes; nothing of it is kept.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

constexpr size_t kMarkBytes = 40;  // of a snapshot whose length is not known

[[noreturn]] void give_up(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stdout);
  std::exit(1);
}

// The snapshot behind a SYNC: "$<bytes>\r\n" or "$EOF:<mark>\r\n" with the mark again at its end.
class Snapshot {
 public:
  explicit Snapshot(resp::Client& client) : client_(client) {}

  // False with the server's text in error().
  bool begin() {
    client_.append_raw("SYNC\r\n");
    client_.enter_raw();
    size_t end = 0;
    for (;;) {
      // Line feeds keep the connection alive until the snapshot is ready.
      while (!bytes_.empty() && bytes_[0] == '\n') bytes_.erase(0, 1);
      end = bytes_.find("\r\n");
      if (end != std::string::npos) break;
      if (bytes_.size() > 64 * 1024) give_up("The server answers SYNC with something else than a snapshot");
      more();
    }
    const std::string line = bytes_.substr(0, end);
    bytes_.erase(0, end + 2);
    if (line[0] != '$') {
      error_ = line.substr(line[0] == '-' ? 1 : 0);
      return false;
    }
    if (line.starts_with("$EOF:") && line.size() == 5 + kMarkBytes) {
      mark_ = line.substr(5);
    } else {
      size_ = std::strtoull(line.c_str() + 1, nullptr, 10);
    }
    return true;
  }
  const std::string& error() const { return error_; }
  bool has_size() const { return mark_.empty(); }
  uint64_t size() const { return size_; }

  // Gives all bytes to `sink`. What comes behind stays in rest().
  uint64_t read(const std::function<void(std::string_view)>& sink) {
    uint64_t done = 0;
    const auto give = [&](size_t n) {
      sink(std::string_view(bytes_).substr(0, n));
      bytes_.erase(0, n);
      done += n;
    };
    if (has_size()) {
      while (done < size_) {
        if (bytes_.empty()) more();
        give(static_cast<size_t>(std::min<uint64_t>(bytes_.size(), size_ - done)));
      }
      return done;
    }
    for (;;) {
      const size_t at = bytes_.find(mark_);
      if (at != std::string::npos) {
        give(at);
        bytes_.erase(0, kMarkBytes);
        return done;
      }
      if (bytes_.size() > kMarkBytes) give(bytes_.size() - kMarkBytes);
      more();
    }
  }
  std::string rest() { return std::move(bytes_); }

 private:
  void more() {
    auto bytes = client_.receive_raw(Micros{0});
    if (!bytes.ok()) give_up("Error: " + reason(bytes.error()));
    bytes_ += *bytes;
  }

  resp::Client& client_;
  std::string bytes_;
  std::string mark_;
  uint64_t size_ = 0;
  std::string error_;
};

// Refusals are fine: old servers do not know the option, and send everything.
bool replconf(Session& session, const std::string& name, const std::string& value) {
  std::fprintf(stderr, "sending REPLCONF %s %s\n", name.c_str(), value.c_str());
  const resp::Value reply = session.command({"REPLCONF", name, value});
  if (reply.is_error()) std::fprintf(stderr, "REPLCONF %s error: %s\n", name.c_str(), reply.text.c_str());
  return !reply.is_error();
}

}  // namespace

int run_rdb(Session& session, const Options& options) {
  connect_or_exit(session);
  replconf(session, "capa", "eof");
  replconf(session, "rdb-only", "1");
  if (options.mode == Mode::kFunctionsRdb && !replconf(session, "rdb-filter-only", "functions")) {
    std::fprintf(stderr, "Failed requesting functions only RDB from server, aborting\n");
    return 1;
  }
  Snapshot snapshot(session.client());
  if (!snapshot.begin()) give_up("SYNC with master failed: " + snapshot.error());
  const bool to_stdout = options.file == "-";
  if (snapshot.has_size()) {
    std::fprintf(stderr, "SYNC sent to master, writing %llu bytes to '%s'\n",
                 static_cast<unsigned long long>(snapshot.size()), options.file.c_str());
  } else {
    std::fprintf(stderr, "SYNC sent to master, writing bytes of bulk transfer until EOF marker to '%s'\n",
                 options.file.c_str());
  }
  FILE* file = to_stdout ? stdout : std::fopen(options.file.c_str(), "wb");
  if (file == nullptr) give_up("Error opening '" + options.file + "': " + std::strerror(errno));
  const uint64_t bytes = snapshot.read([&](std::string_view part) {
    if (std::fwrite(part.data(), 1, part.size(), file) != part.size())
      give_up("Error writing data to file: " + std::string(std::strerror(errno)));
  });
  if (std::fflush(file) != 0 || (!to_stdout && std::fclose(file) != 0))
    give_up("Error writing data to file: " + std::string(std::strerror(errno)));
  if (snapshot.has_size()) {
    std::fprintf(stderr, "Transfer finished with success.\n");
  } else {
    std::fprintf(stderr, "Transfer finished with success after %llu bytes\n",
                 static_cast<unsigned long long>(bytes));
  }
  return 0;
}

bool follow_as_replica(Session& session) {
  Snapshot snapshot(session.client());
  if (!snapshot.begin()) {
    std::fprintf(stderr, "SYNC with master failed: %s\n", snapshot.error().c_str());
    return false;
  }
  if (snapshot.has_size()) {
    std::fprintf(stderr, "SYNC with master, discarding %llu bytes of bulk transfer...\n",
                 static_cast<unsigned long long>(snapshot.size()));
  } else {
    std::fprintf(stderr, "SYNC with master, discarding bytes of bulk transfer until EOF marker...\n");
  }
  const uint64_t bytes = snapshot.read([](std::string_view) {});
  if (snapshot.has_size()) {
    std::fprintf(stderr, "SYNC done. Logging commands from master.\n");
  } else {
    std::fprintf(stderr, "SYNC done after %llu bytes. Logging commands from master.\n",
                 static_cast<unsigned long long>(bytes));
  }
  resp::ReplyParser parser;
  parser.feed(snapshot.rest());
  FormatOptions csv;
  csv.output = Output::kCsv;
  session.client().append({"REPLCONF", "ACK", "0"});  // this replica is online: send what was held back
  for (;;) {
    resp::Value command;
    const auto status = parser.next(command);
    if (status == resp::ReplyParser::Status::kError) give_up("Error: " + parser.error());
    if (status == resp::ReplyParser::Status::kValue) {
      const std::string line = format_reply(command, csv);
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fflush(stdout);
      continue;
    }
    auto more = session.client().receive_raw(seconds(1));
    if (!more.ok()) {
      std::fprintf(stderr, "Error: %s\n", reason(more.error()).c_str());
      return true;
    }
    parser.feed(*more);
    // As every replica does once a second, or it is taken for dead.
    if (more->empty()) session.client().append({"REPLCONF", "ACK", "0"});
  }
}

int run_replica(Session& session, const Options&) {
  connect_or_exit(session);
  replconf(session, "capa", "eof");
  follow_as_replica(session);
  return 1;  // it only ends when the server is gone
}

}  // namespace tessera::cli
