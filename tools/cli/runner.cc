// Role: one command of a person from sending to what it leaves behind.
#include "tools/cli/runner.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "common/text/strings.h"
#include "tools/cli/help.h"
#include "tools/cli/modes/modes.h"

namespace tessera::cli {
namespace {

using Kind = resp::Value::Kind;
using text::iequals;

// Replies that are pages of text: printed as they are even on a terminal.
bool replies_text(const std::vector<std::string>& args) {
  const std::string command = text::to_lower(args[0]);
  const std::string sub = args.size() > 1 ? text::to_lower(args[1]) : "";
  if (command == "info" || command == "lolwut") return true;
  if (command == "debug") return sub == "htstats" || sub == "htstats-key";
  if (command == "memory") return sub == "malloc-stats" || sub == "doctor";
  if (command == "cluster") return args.size() == 2 && (sub == "nodes" || sub == "info");
  if (command == "client") return sub == "list" || sub == "info";
  if (command == "latency")
    return (args.size() == 3 && sub == "graph") || (args.size() == 2 && sub == "doctor");
  return command == "proxy" && sub == "info";
}

void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

bool Runner::run(const std::vector<std::string>& args, int64_t repeat) {
  if (!debugging_ && (iequals(args[0], "help") || args[0] == "?")) {
    help_.print({args.begin() + 1, args.end()}, session_);
    return true;
  }
  for (;;) {
    if (reissue_ || !session_.usable()) {
      reissue_ = false;
      if (!session_.reconnect() && !session_.has_connection()) return false;
    }
    if (std::exchange(asking_, false)) {
      const resp::Value reply = session_.command({"ASKING"});
      if (reply.is_error()) {
        std::fprintf(stderr, "ASKING failed: %s\n", reply.text.c_str());
        return false;
      }
    }
    handle_pushes();
    if (!send(args, repeat)) {
      session_.drop();
      return false;
    }
    if (!reissue_) return true;
  }
}

void Runner::handle_pushes() {
  if (options_.print_pushes) {
    session_.client().on_push([this](const resp::Value& push) { print(push, false); });
  } else {
    session_.client().on_push(nullptr);
  }
}

bool Runner::send(const std::vector<std::string>& args, int64_t repeat) {
  const bool as_text = replies_text(args);
  if (iequals(args[0], "shutdown")) shutting_down_ = true;
  Stream kind = Stream::kNone;
  if (iequals(args[0], "monitor")) kind = Stream::kMonitor;
  if (iequals(args[0], "subscribe") || iequals(args[0], "psubscribe") || iequals(args[0], "ssubscribe"))
    kind = Stream::kMessages;
  if (iequals(args[0], "sync") || iequals(args[0], "psync")) kind = Stream::kReplica;
  if (args.size() == 3 && iequals(args[0], "script") && iequals(args[1], "debug"))
    debug_on_eval_ = iequals(args[2], "yes") || iequals(args[2], "sync");
  if (debug_on_eval_ && (iequals(args[0], "eval") || iequals(args[0], "evalsha"))) debugging_ = true;

  while (repeat < 0 || repeat-- > 0) {
    if (kind == Stream::kReplica) {
      std::printf("Entering replica output mode...  (press Ctrl-C to quit)\n");
      follow_as_replica(session_);
      return false;
    }
    session_.client().append(args);
    if (kind != Stream::kNone) {
      if (!stream(kind)) return true;
      continue;
    }
    if (!read_reply(as_text)) return false;
    if (exit_code_) return true;
    if (!reissue_) remember(args);
    if (reissue_) break;
    if (options_.interval_us > 0 && repeat != 0) usleep(static_cast<useconds_t>(options_.interval_us));
  }
  return true;
}

// Reads one reply, prints it or notes where a cluster wants it asked.
bool Runner::read_reply(bool as_text) {
  auto reply = session_.client().receive();
  if (!reply.ok()) {
    if (shutting_down_) {
      session_.drop();
      last_kind_ = Kind::kNull;
      return true;
    }
    std::fprintf(stderr, "Error: %s\n", reason(reply.error()).c_str());
    if (!interactive_) exit_code_ = 1;
    return false;
  }
  last_kind_ = reply->kind;
  shutting_down_ = false;
  if (redirected(*reply)) return true;
  if (!interactive_ && options_.set_exit_code && reply->is_error()) {
    std::fprintf(stderr, "%s\n", reply->text.c_str());
    exit_code_ = 1;
    return true;
  }
  print(*reply, as_text);
  return true;
}

void Runner::print(const resp::Value& value, bool as_text) {
  if (debugging_) {
    print_debugger(value);
  } else {
    write_out(format_reply(value, options_.format, as_text));
  }
}

// The debugger answers with lines, each tagged with what it is.
void Runner::print_debugger(const resp::Value& value) {
  const bool colours = isatty(STDOUT_FILENO) != 0;
  const auto line = [&](const resp::Value& v) {
    if (v.text.starts_with("<endsession>")) {
      debugging_ = debug_on_eval_ = false;
      debug_ended_ = true;
      return;
    }
    const char* colour = "";
    if (v.text.starts_with("<error>") || v.text.starts_with("<redis> -")) colour = "\x1b[31m";
    if (v.text.starts_with("<reply>")) colour = "\x1b[32m";
    if (v.text.starts_with("<value>") || v.text.starts_with("<retval>")) colour = "\x1b[36m";
    if (v.text.starts_with("->")) colour = "\x1b[35m";
    if (v.text.starts_with("#") || v.text.find('#') == 3) colour = "\x1b[33m";
    if (colours && *colour != '\0') {
      write_out(colour + v.text + "\x1b[0m\n");
    } else {
      write_out(v.text + "\n");
    }
  };
  if (value.is(Kind::kArray)) {
    for (const resp::Value& item : value.items) line(item);
  } else if (value.is_error()) {
    write_out(format_reply(value, options_.format));
  } else {
    line(value);
  }
}

// "MOVED <slot> <host>:<port>" and "ASK ...", with -c.
bool Runner::redirected(const resp::Value& value) {
  if (!options_.cluster_mode || !value.is_error()) return false;
  const bool ask = value.text.starts_with("ASK ");
  if (!ask && !value.text.starts_with("MOVED ")) return false;
  const auto words = text::split(value.text, ' ');
  if (words.size() < 3) return false;
  const size_t colon = words[2].rfind(':');
  if (colon == std::string_view::npos) return false;
  session_.redirect(std::string(words[2].substr(0, colon)),
                    std::atoi(std::string(words[2].substr(colon + 1)).c_str()));
  if (interactive_) {
    std::printf("-> Redirected to slot [%d] located at %s:%d\n", std::atoi(std::string(words[1]).c_str()),
                session_.host().c_str(), session_.port());
  }
  reissue_ = true;
  asking_ = ask;
  return true;
}

namespace {

// While it lives, Ctrl-C ends what is read instead of the program.
class InterruptWatch {
 public:
  InterruptWatch() {
    interrupted_ = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted_ = 1; };
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptWatch() { sigaction(SIGINT, &before_, nullptr); }
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  bool interrupted() const { return interrupted_ != 0; }

 private:
  static volatile std::sig_atomic_t interrupted_;
  struct sigaction before_ {};
};

volatile std::sig_atomic_t InterruptWatch::interrupted_ = 0;

constexpr Micros kInterruptEvery = millis(100);  // how often Ctrl-C is looked for

}  // namespace

// MONITOR and subscriptions: prints until the connection ends or, at a prompt, Ctrl-C is pressed; there is a
// new connection then. True: the server refused, go on.
bool Runner::stream(Stream kind) {
  std::optional<InterruptWatch> watch;
  if (interactive_) watch.emplace();
  if (kind == Stream::kMessages) {
    if (options_.format.output != Output::kRaw) std::printf("Reading messages... (press Ctrl-C to quit)\n");
    std::fflush(stdout);
    session_.client().on_push([this](const resp::Value& message) { print(message, false); });
  }
  for (;;) {
    while (watch && session_.client().connected() && !session_.client().poll(kInterruptEvery)) {
      if (!watch->interrupted()) continue;
      session_.drop();
      (void)session_.connect();
      return false;
    }
    auto reply = session_.client().receive(Micros{0});
    if (!reply.ok()) {
      std::fprintf(stderr, "Error: %s\n", reason(reply.error()).c_str());
      exit_code_ = 1;
      return false;
    }
    last_kind_ = reply->kind;
    if (redirected(*reply)) return true;
    if (!interactive_ && options_.set_exit_code && reply->is_error()) {
      std::fprintf(stderr, "%s\n", reply->text.c_str());
      exit_code_ = 1;
      return false;
    }
    print(*reply, false);
    if (reply->is_error()) {
      handle_pushes();
      return true;
    }
  }
}

// What a command that succeeded changed.
void Runner::remember(const std::vector<std::string>& args) {
  const bool failed = last_kind_ == Kind::kError;
  const std::string command = text::to_lower(args[0]);
  const size_t argc = args.size();
  if (command == "select" && argc == 2 && !failed) {
    session_.selected(std::atoi(args[1].c_str()));
  } else if (command == "auth" && (argc == 2 || argc == 3)) {
    session_.select_wanted();
  } else if (command == "multi" && argc == 1 && !failed) {
    session_.multi_begun();
  } else if (command == "exec" && argc == 1 && session_.in_multi()) {
    session_.multi_ended(!failed && last_kind_ != Kind::kNull);
  } else if (command == "discard" && argc == 1 && session_.in_multi() && !failed) {
    session_.multi_ended(false);
  } else if (command == "reset" && argc == 1 && !failed) {
    session_.was_reset();
  }
}

}  // namespace tessera::cli
