// Role: reads the command line. One table of options; each says whether it takes a value.
#include "tools/cli/options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::cli {
namespace {

// As atoi and atof read: leading digits count, the rest is ignored.
int64_t to_int(const std::string& s) {
  return std::strtoll(s.c_str(), nullptr, 10);
}

struct Parser {
  ParsedLine line;
  bool password_shown = false;

  Options& o() { return line.options; }
  void refuse(std::string text) {
    line.exit_code = 1;
    line.print = std::move(text) + "\n";
  }
};

struct Row {
  const char* name;
  void (*plain)(Parser&);                           // an option without a value
  void (*with_value)(Parser&, const std::string&);  // or one that takes it
};

template <Mode mode>
void set_mode(Parser& p) {
  p.o().mode = mode;
}

void set_password(Parser& p, const std::string& v) {
  p.o().password = v;
  p.password_shown = true;
}

void show_pushes(Parser& p, const std::string& v) {
  const char first = v.empty() ? '\0' : text::lower(v[0]);
  if (first == 'y') {
    p.o().print_pushes = true;
  } else if (first == 'n') {
    p.o().print_pushes = false;
  } else {
    p.line.warning += "Unknown --show-pushes value '" + v + "' (valid: '[y]es', '[n]o')\n";
  }
}

void set_json(Parser& p, Output output) {
  p.o().format.output = output;
  if (p.o().resp3 == Resp3::kNo) p.o().resp3 = Resp3::kPreferred;
}

void quoted_pattern(Parser& p, const std::string& v) {
  const auto words = text::split_args(v);
  if (!words || words->size() != 1) {
    p.refuse("Invalid quoted string specified for --quoted-pattern.");
  } else {
    p.o().pattern = words->front();
  }
}

void uri(Parser& p, const std::string& v) {
  p.o().password.reset();
  if (const auto refusal = apply_uri(v, p.o())) p.refuse(*refusal);
  if (p.o().password) p.password_shown = true;
}

void no_tls(Parser& p) {
  p.refuse("TLS is not built into this program: connect without --tls.");
}

template <int unused = 0>
void no_tls_value(Parser& p, const std::string&) {
  no_tls(p);
}

using cluster::Settings;

template <int Settings::*field>
void set_int(Parser& p, const std::string& v) {
  p.o().cluster.*field = static_cast<int>(to_int(v));
}
template <std::string Settings::*field>
void set_text(Parser& p, const std::string& v) {
  p.o().cluster.*field = v;
}
template <bool Settings::*field>
void set_flag(Parser& p) {
  p.o().cluster.*field = true;
}

void wait_seconds(Parser& p, const std::string& v) {
  const auto number = text::parse_int64(v);
  constexpr int64_t kLongest = 24 * 3600;
  if (!number || *number < 0 || *number > kLongest) {
    p.refuse("--wait takes a number of seconds.");
  } else {
    p.o().cluster.wait_s = number;
  }
}

constexpr const char* kWeightAdvice =
    "You can set more weights by adding them as a space-separated list, ie:\n--cluster-weight n1=w n2=w";

constexpr Row kRows[] = {
    {"-h", nullptr, [](Parser& p, const std::string& v) { p.o().host = v; }},
    {"-p", nullptr,
     [](Parser& p, const std::string& v) {
       const int64_t port = to_int(v);
       if (port < 0 || port > 65535) {
         p.refuse("Invalid server port.");
       } else {
         p.o().port = static_cast<int>(port);
       }
     }},
    {"-s", nullptr, [](Parser& p, const std::string& v) { p.o().socket = v; }},
    {"-t", nullptr,
     [](Parser& p, const std::string& v) {
       const double seconds = std::strtod(v.c_str(), nullptr);
       if (!(seconds >= 0 && seconds < 1e9)) {
         p.refuse("Invalid connection timeout for -t.");
       } else {
         p.o().connect_timeout_us = static_cast<int64_t>(seconds * 1e6);
       }
     }},
    {"-a", nullptr, set_password},
    {"--pass", nullptr, set_password},
    {"--user", nullptr, [](Parser& p, const std::string& v) { p.o().user = v; }},
    {"--askpass", [](Parser& p) { p.o().ask_password = true; }, nullptr},
    {"--no-auth-warning", [](Parser& p) { p.o().auth_warning = false; }, nullptr},
    {"-u", nullptr, uri},
    {"-r", nullptr, [](Parser& p, const std::string& v) { p.o().repeat = to_int(v); }},
    {"-i", nullptr,
     [](Parser& p, const std::string& v) {
       const double seconds = std::strtod(v.c_str(), nullptr);
       p.o().interval_us =
           std::isfinite(seconds) && std::fabs(seconds) < 1e9 ? static_cast<int64_t>(seconds * 1e6) : 0;
     }},
    {"-n", nullptr, [](Parser& p, const std::string& v) { p.o().database = static_cast<int>(to_int(v)); }},
    {"-2", [](Parser& p) { p.o().resp2 = true; }, nullptr},
    {"-3", [](Parser& p) { p.o().resp3 = Resp3::kAsked; }, nullptr},
    {"-x", [](Parser& p) { p.o().stdin_last_arg = true; }, nullptr},
    {"-X", nullptr, [](Parser& p, const std::string& v) { p.o().stdin_tag = v; }},
    {"-d", nullptr, [](Parser& p, const std::string& v) { p.o().format.item_delimiter = v; }},
    {"-D", nullptr, [](Parser& p, const std::string& v) { p.o().format.reply_delimiter = v; }},
    {"-c", [](Parser& p) { p.o().cluster_mode = true; }, nullptr},
    {"-e", [](Parser& p) { p.o().set_exit_code = true; }, nullptr},
    {"--raw", [](Parser& p) { p.o().format.output = Output::kRaw; }, nullptr},
    {"--no-raw", [](Parser& p) { p.o().format.output = Output::kStandard; }, nullptr},
    {"--csv", [](Parser& p) { p.o().format.output = Output::kCsv; }, nullptr},
    {"--json", [](Parser& p) { set_json(p, Output::kJson); }, nullptr},
    {"--quoted-json", [](Parser& p) { set_json(p, Output::kQuotedJson); }, nullptr},
    {"--quoted-input", [](Parser& p) { p.o().quoted_input = true; }, nullptr},
    {"--show-pushes", nullptr, show_pushes},
    {"--verbose", [](Parser& p) { p.o().verbose = true; }, nullptr},

    {"--scan", set_mode<Mode::kScan>, nullptr},
    {"--pattern", nullptr, [](Parser& p, const std::string& v) { p.o().pattern = v; }},
    {"--quoted-pattern", nullptr, quoted_pattern},
    {"--type", nullptr, [](Parser& p, const std::string& v) { p.o().type = v; }},
    {"--count", nullptr, [](Parser& p, const std::string& v) { p.o().scan_count = to_int(v); }},
    {"--pipe", set_mode<Mode::kPipe>, nullptr},
    {"--pipe-timeout", nullptr,
     [](Parser& p, const std::string& v) { p.o().pipe_timeout_s = static_cast<int>(to_int(v)); }},
    {"--stat", set_mode<Mode::kStat>, nullptr},
    {"--latency", set_mode<Mode::kLatency>, nullptr},
    {"--latency-history", set_mode<Mode::kLatencyHistory>, nullptr},
    {"--latency-dist", set_mode<Mode::kLatencyDist>, nullptr},
    {"--intrinsic-latency", nullptr,
     [](Parser& p, const std::string& v) {
       p.o().mode = Mode::kIntrinsicLatency;
       p.o().intrinsic_latency_s = to_int(v);
     }},
    {"--bigkeys", set_mode<Mode::kBigKeys>, nullptr},
    {"--memkeys", set_mode<Mode::kMemKeys>, nullptr},
    {"--memkeys-samples", nullptr,
     [](Parser& p, const std::string& v) {
       p.o().mode = Mode::kMemKeys;
       p.o().memkeys_samples = to_int(v);
     }},
    {"--hotkeys", set_mode<Mode::kHotKeys>, nullptr},
    {"--lru-test", nullptr,
     [](Parser& p, const std::string& v) {
       p.o().mode = Mode::kLruTest;
       p.o().lru_test_keys = to_int(v);
     }},
    {"--replica", set_mode<Mode::kReplica>, nullptr},
    {"--slave", set_mode<Mode::kReplica>, nullptr},
    {"--rdb", nullptr,
     [](Parser& p, const std::string& v) {
       p.o().mode = Mode::kRdb;
       p.o().file = v;
     }},
    {"--functions-rdb", nullptr,
     [](Parser& p, const std::string& v) {
       p.o().mode = Mode::kFunctionsRdb;
       p.o().file = v;
     }},
    {"--eval", nullptr,
     [](Parser& p, const std::string& v) {
       p.o().mode = Mode::kEval;
       p.o().file = v;
     }},
    {"--ldb", [](Parser& p) { p.o().ldb = true; }, nullptr},
    {"--ldb-sync-mode", [](Parser& p) { p.o().ldb = p.o().ldb_sync = true; }, nullptr},

    {"--cluster-replicas", nullptr, set_int<&Settings::replicas>},
    {"--cluster-master-id", nullptr, set_text<&Settings::master_id>},
    {"--cluster-from", nullptr, set_text<&Settings::from>},
    {"--cluster-to", nullptr, set_text<&Settings::to>},
    {"--cluster-from-user", nullptr, set_text<&Settings::from_user>},
    {"--cluster-from-pass", nullptr,
     [](Parser& p, const std::string& v) { p.o().cluster.from_password = v; }},
    {"--cluster-from-askpass", set_flag<&Settings::from_ask_password>, nullptr},
    {"--cluster-slots", nullptr, set_int<&Settings::slots>},
    {"--cluster-timeout", nullptr, set_int<&Settings::timeout_ms>},
    {"--cluster-pipeline", nullptr, set_int<&Settings::pipeline>},
    {"--cluster-threshold", nullptr,
     [](Parser& p, const std::string& v) { p.o().cluster.threshold = std::strtof(v.c_str(), nullptr); }},
    {"--cluster-yes", set_flag<&Settings::yes>, nullptr},
    {"--cluster-simulate", set_flag<&Settings::simulate>, nullptr},
    {"--cluster-replace", set_flag<&Settings::replace>, nullptr},
    {"--cluster-copy", set_flag<&Settings::copy>, nullptr},
    {"--cluster-slave", set_flag<&Settings::as_replica>, nullptr},
    {"--cluster-use-empty-masters", set_flag<&Settings::use_empty_masters>, nullptr},
    {"--cluster-search-multiple-owners", set_flag<&Settings::search_multiple_owners>, nullptr},
    {"--cluster-fix-with-unreachable-masters", set_flag<&Settings::fix_with_unreachable_masters>, nullptr},
    {"--cluster-only-masters", set_flag<&Settings::only_masters>, nullptr},
    {"--cluster-only-replicas", set_flag<&Settings::only_replicas>, nullptr},
    {"--if-not-exists", set_flag<&Settings::if_not_exists>, nullptr},
    {"--wait", nullptr, wait_seconds},

    {"--tls", no_tls, nullptr},
    {"--insecure", no_tls, nullptr},
    {"--sni", nullptr, no_tls_value<>},
    {"--cacert", nullptr, no_tls_value<>},
    {"--cacertdir", nullptr, no_tls_value<>},
    {"--cert", nullptr, no_tls_value<>},
    {"--key", nullptr, no_tls_value<>},
    {"--tls-ciphers", nullptr, no_tls_value<>},
    {"--tls-ciphersuites", nullptr, no_tls_value<>},
};

// The name, then words up to the next option. Where that is.
size_t take_cluster(Parser& p, const std::vector<std::string>& args, size_t at) {
  if (!p.o().cluster_args.empty()) {
    p.refuse(usage_text());
    return at;
  }
  p.o().mode = Mode::kCluster;
  size_t end = at + 2;
  while (end < args.size() && !args[end].starts_with("-")) ++end;
  p.o().cluster_args.assign(args.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                            args.begin() + static_cast<std::ptrdiff_t>(end));
  return end - 1;
}

// All words up to the next option.
size_t take_weights(Parser& p, const std::vector<std::string>& args, size_t at) {
  if (!p.o().cluster.weights.empty()) {
    p.refuse("WARNING: you cannot use --cluster-weight more than once.\n" + std::string(kWeightAdvice));
    return at;
  }
  while (at + 1 < args.size() && !args[at + 1].starts_with("-")) p.o().cluster.weights.push_back(args[++at]);
  return at;
}

void finish(Parser& p) {
  Options& o = p.o();
  if (p.line.exit_code) return;
  if (o.resp2 && o.resp3 == Resp3::kAsked) {
    p.refuse("Options -2 and -3 are mutually exclusive.");
    return;
  }
  if (o.stdin_last_arg && o.stdin_tag) {
    p.refuse("Options -x and -X are mutually exclusive.");
    return;
  }
  if (o.resp2) o.resp3 = Resp3::kNo;
  if (o.ldb && o.mode != Mode::kEval) {
    p.refuse(
        "Options --ldb and --ldb-sync-mode require --eval.\nTry tessera-cli --help for more information.");
    return;
  }
  if (p.password_shown && o.auth_warning) {
    p.line.warning +=
        "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n";
  }
}

}  // namespace

ParsedLine parse_options(const std::vector<std::string>& args, bool stdout_tty) {
  Parser p;
  p.o().format.output = stdout_tty ? Output::kStandard : Output::kRaw;
  p.o().print_pushes = stdout_tty;
  size_t at = 0;
  for (; at < args.size() && !p.line.exit_code; ++at) {
    const std::string& arg = args[at];
    const bool is_last = at + 1 == args.size();
    if (arg == "--help" || (arg == "-h" && is_last)) {
      p.line.exit_code = 0;
      p.line.print = usage_text();
      break;
    }
    if (arg == "-v" || arg == "--version") {
      p.line.exit_code = 0;
      p.line.print = version_text();
      break;
    }
    if (arg == "--cluster") {
      if (is_last) {
        p.refuse(usage_text());
        break;
      }
      at = take_cluster(p, args, at);
      continue;
    }
    if (arg == "--cluster-weight" && !is_last) {
      at = take_weights(p, args, at);
      continue;
    }
    const auto* row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return arg == r.name; });
    if (row != std::end(kRows) && row->plain != nullptr) {
      row->plain(p);
    } else if (row != std::end(kRows) && !is_last) {
      row->with_value(p, args[++at]);
    } else if (!arg.empty() && arg[0] == '-') {
      p.refuse("Unrecognized option or bad number of args for: '" + arg + "'");
    } else {
      break;  // the command
    }
  }
  if (at < args.size()) p.line.rest.assign(args.begin() + static_cast<std::ptrdiff_t>(at), args.end());
  finish(p);
  return std::move(p.line);
}

}  // namespace tessera::cli
