// Role: reads the command line. One table of options; each says whether it takes a value.
#include "tools/benchmark/options.h"

#include <algorithm>
#include <cstdlib>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::benchmark {
namespace {

// As atoi reads: leading digits count, the rest is ignored.
int64_t to_int(const std::string& s) {
  return std::strtoll(s.c_str(), nullptr, 10);
}

struct Row {
  const char* name;
  void (*plain)(ParsedLine&);                           // an option without a value
  void (*with_value)(ParsedLine&, const std::string&);  // or one that takes it
};

void refuse(ParsedLine& line, std::string text) {
  line.exit_code = 1;
  line.print = std::move(text) + "\n";
}

void no_tls(ParsedLine& line) {
  refuse(line, "TLS is not built into this program: connect without --tls.");
}

void no_tls_value(ParsedLine& line, const std::string&) {
  no_tls(line);
}

template <auto member>
void set_int(ParsedLine& line, const std::string& v) {
  auto& field = line.options.*member;
  field = static_cast<std::remove_reference_t<decltype(field)>>(to_int(v));
}

template <auto member>
void set_text(ParsedLine& line, const std::string& v) {
  line.options.*member = v;
}

template <auto member>
void set_true(ParsedLine& line) {
  line.options.*member = true;
}

void set_tests(ParsedLine& line, const std::string& v) {
  std::string names = "," + v + ",";
  for (char& c : names) c = text::lower(c);
  line.options.tests = std::move(names);
}

void set_keyspace(ParsedLine& line, const std::string& v) {
  line.options.random_keys = true;
  line.options.keyspace = std::max<int64_t>(0, to_int(v));
}

void set_precision(ParsedLine& line, const std::string& v) {
  line.options.precision = static_cast<int>(std::clamp<int64_t>(to_int(v), 0, 4));
}

void use_uri(ParsedLine& line, const std::string& v) {
  if (const auto refusal = apply_uri(v, line.options)) refuse(line, *refusal);
}

constexpr Row kRows[] = {
    {"-h", nullptr, set_text<&Options::host>},
    {"-p", nullptr,
     [](ParsedLine& line, const std::string& v) {
       const int64_t port = to_int(v);
       if (port < 0 || port > 65535) {
         refuse(line, "Invalid server port.");
       } else {
         line.options.port = static_cast<int>(port);
       }
     }},
    {"-s", nullptr, set_text<&Options::socket>},
    {"-a", nullptr, set_text<&Options::password>},
    {"--user", nullptr, set_text<&Options::user>},
    {"-u", nullptr, use_uri},
    {"-c", nullptr, set_int<&Options::clients>},
    {"-n", nullptr, set_int<&Options::requests>},
    {"-k", nullptr, [](ParsedLine& line, const std::string& v) { line.options.keep_alive = to_int(v) != 0; }},
    {"-d", nullptr,
     [](ParsedLine& line, const std::string& v) {
       line.options.data_bytes = static_cast<int>(std::clamp<int64_t>(to_int(v), 1, 1 << 30));
     }},
    {"-P", nullptr,
     [](ParsedLine& line, const std::string& v) {
       line.options.pipeline = static_cast<int>(std::clamp<int64_t>(to_int(v), 1, 1 << 20));
     }},
    {"-r", nullptr, set_keyspace},
    {"--rps", nullptr, set_int<&Options::requests_per_second>},
    {"-t", nullptr, set_tests},
    {"--sequential", set_true<&Options::sequential>, nullptr},
    {"--dbnum", nullptr, set_int<&Options::database>},
    {"--threads", nullptr,
     [](ParsedLine& line, const std::string& v) {
       line.options.threads = static_cast<int>(std::clamp<int64_t>(to_int(v), 0, 500));
     }},
    {"--precision", nullptr, set_precision},
    {"-3", set_true<&Options::resp3>, nullptr},
    {"-q", set_true<&Options::quiet>, nullptr},
    {"--csv", set_true<&Options::csv>, nullptr},
    {"-l", set_true<&Options::loop>, nullptr},
    {"-I", set_true<&Options::idle>, nullptr},
    {"-x", set_true<&Options::stdin_last_arg>, nullptr},
    {"--cluster", set_true<&Options::cluster>, nullptr},
    {"--enable-tracking", set_true<&Options::tracking>, nullptr},
    {"-e",
     [](ParsedLine& line) {
       line.warning +=
           "WARNING: -e option has no effect: every error ends the run, so that no figure is of errors.\n";
     },
     nullptr},
    {"--tls", no_tls, nullptr},
    {"--insecure", no_tls, nullptr},
    {"--sni", nullptr, no_tls_value},
    {"--cacert", nullptr, no_tls_value},
    {"--cacertdir", nullptr, no_tls_value},
    {"--cert", nullptr, no_tls_value},
    {"--key", nullptr, no_tls_value},
    {"--tls-ciphers", nullptr, no_tls_value},
    {"--tls-ciphersuites", nullptr, no_tls_value},
};

void check(ParsedLine& line) {
  const Options& o = line.options;
  if (line.exit_code) return;
  if (o.clients < 1) {
    refuse(line, "The number of clients (-c) must be at least 1.");
  } else if (o.requests < 1) {
    refuse(line, "The number of requests (-n) must be at least 1.");
  } else if (o.requests_per_second < 0) {
    refuse(line, "The number of requests per second (--rps) must be at least 0 (as many as can be).");
  } else if (!o.user.empty() && o.password.empty()) {
    refuse(line, "--user needs the password of -a.");
  } else if (o.sequential && !o.random_keys) {
    refuse(line, "--sequential needs the keyspace of -r.");
  }
}

bool decode(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = text::hex_value(text[i + 1]), low = text::hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

}  // namespace

std::optional<std::string> apply_uri(const std::string& uri, Options& options) {
  std::string_view rest = uri;
  const auto starts = [&](std::string_view with) { return text::iequals(rest.substr(0, with.size()), with); };
  if (starts("rediss://") || starts("valkeys://")) return "TLS is not built into this program.";
  if (!starts("redis://") && !starts("valkey://")) return "Invalid URI scheme";
  rest.remove_prefix(rest.find("://") + 3);
  if (const size_t at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view who = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const size_t colon = who.find(':');
    options.user.clear();
    options.password.clear();
    const bool good = colon == std::string_view::npos ? decode(who, options.password)
                                                      : decode(who.substr(0, colon), options.user) &&
                                                            decode(who.substr(colon + 1), options.password);
    if (!good) return "Illegal character in URI encoding";
  }
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    options.database = static_cast<int>(text::parse_int64(rest.substr(slash + 1)).value_or(options.database));
    rest = rest.substr(0, slash);
  }
  const size_t after_ip6 = !rest.empty() && rest[0] == '[' ? rest.find(']') : 0;
  if (after_ip6 == std::string_view::npos) return "Invalid URI: ']' is missing";
  std::string_view host = rest;
  if (const size_t colon = rest.find(':', after_ip6); colon != std::string_view::npos) {
    const auto port = text::parse_int64(rest.substr(colon + 1));
    if (!port || *port < 0 || *port > 65535) return "Invalid server port.";
    options.port = static_cast<int>(*port);
    host = rest.substr(0, colon);
  }
  if (after_ip6 > 0) host = rest.substr(1, after_ip6 - 1);
  std::string decoded;
  if (!decode(host, decoded)) return "Illegal character in URI encoding";
  if (!decoded.empty()) options.host = decoded;
  return std::nullopt;
}

ParsedLine parse_options(const std::vector<std::string>& args) {
  ParsedLine line;
  size_t at = 0;
  for (; at < args.size() && !line.exit_code; ++at) {
    const std::string& arg = args[at];
    const bool is_last = at + 1 == args.size();
    if (arg == "--help") {
      line.exit_code = 0;
      line.print = usage_text();
      return line;
    }
    if (arg == "--version" || arg == "-v") {
      line.exit_code = 0;
      line.print = "tessera-benchmark " TESSERA_VERSION "\n";
      return line;
    }
    const auto* row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return arg == r.name; });
    if (row != std::end(kRows) && row->plain != nullptr) {
      row->plain(line);
    } else if (row != std::end(kRows) && !is_last) {
      row->with_value(line, args[++at]);
    } else if (!arg.empty() && arg[0] == '-') {
      refuse(line, "Invalid option \"" + arg + "\" or option argument missing\n\n" + usage_text());
    } else {
      break;  // the command
    }
  }
  line.command.assign(args.begin() + static_cast<std::ptrdiff_t>(std::min(at, args.size())), args.end());
  check(line);
  return line;
}

}  // namespace tessera::benchmark
