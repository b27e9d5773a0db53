// Role: --pipe: standard input goes to the server as it is, replies are counted. Invariant: at the end an
// ECHO of random bytes is sent, so that the last reply is recognized whatever was sent before.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kMaxUnsentBytes = 1024 * 1024;  // the rest waits in standard input

struct Pipe {
  Session& session;
  const Options& options;
  std::string mark;  // of the ECHO
  int64_t errors = 0;
  int64_t replies = 0;
  bool input_ended = false;
  bool done = false;

  void read_input() {
    char bytes[kReadBytes];
    const ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n > 0) {
      session.client().append_raw({bytes, static_cast<size_t>(n)});
    } else if (n == 0) {
      input_ended = true;
      // In front a line end: input that lacks its last one still ends.
      session.client().append_raw("\r\n");
      session.client().append({"ECHO", mark});
      std::printf("All data transferred. Waiting for the last reply...\n");
      std::fflush(stdout);
    } else if (errno != EAGAIN && errno != EINTR) {
      std::fprintf(stderr, "Error reading from stdin: %s\n", std::strerror(errno));
      std::exit(1);
    }
  }

  void take_replies() {
    while (session.client().poll(Micros{0})) {
      auto reply = session.client().receive();
      if (!reply.ok()) break;
      if (input_ended && *reply == mark) {
        std::printf("Last reply received from server.\n");
        done = true;
        return;
      }
      ++replies;
      if (reply->is_error()) {
        std::fprintf(stderr, "%s\n", reply->text.c_str());
        ++errors;
      }
    }
    if (!session.usable()) {
      std::fprintf(stderr, "Error: Server closed the connection\n");
      std::exit(1);
    }
  }
};

}  // namespace

int run_pipe(Session& session, const Options& options) {
  connect_or_exit(session);
  uint64_t noise[3];
  io::Env& env = session.env();
  for (uint64_t& n : noise) n = env.random_u64();
  Pipe pipe{session, options, std::string(reinterpret_cast<const char*>(noise), 20)};
  io::Loop& loop = session.client().loop();
  const io::Clock& clock = loop.clock();
  MonoTime last_news = clock.mono();
  while (!pipe.done) {
    const int64_t before = pipe.replies;
    const bool want_input = !pipe.input_ended && session.client().unsent_bytes() < kMaxUnsentBytes;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (want_input && ::poll(&input, 1, 0) > 0) {
      pipe.read_input();
      session.client().flush();
      pipe.take_replies();
    } else {
      // Standard input is no part of the loop: while it may bring something, waits are short.
      loop.poll(pipe.input_ended ? millis(100) : millis(1));
      pipe.take_replies();
    }
    if (pipe.replies != before || !pipe.input_ended) last_news = clock.mono();
    if (pipe.input_ended && options.pipe_timeout_s > 0 &&
        clock.mono() - last_news > seconds(options.pipe_timeout_s)) {
      std::fprintf(stderr, "No replies for %d seconds: exiting.\n", options.pipe_timeout_s);
      ++pipe.errors;
      break;
    }
  }
  std::printf("errors: %lld, replies: %lld\n", static_cast<long long>(pipe.errors),
              static_cast<long long>(pipe.replies));
  return pipe.errors > 0 ? 1 : 0;
}

}  // namespace tessera::cli
