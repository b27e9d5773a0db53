// Role: see process_config.h.
#include "server/main/process_config.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/conf/reader.h"
#include "server/acl/acl_store.h"
#include "server/config/loader.h"
#include "server/config/params.h"
#include "server/main/node.h"

namespace tessera::server {

namespace {

std::string read_stdin() {
  std::string text;
  char buffer[4096];
  while (const size_t n = std::fread(buffer, 1, sizeof(buffer), stdin)) text.append(buffer, n);
  return text;
}

// Cores this process may use, which may be fewer than the machine has.
int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? static_cast<int>(cores) : 1;
}

// Relative log files are relative to `dir`, which is the working directory by now.
Result<void> try_log_file(const std::string& path) {
  if (path.empty()) return {};
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return Error{std::string("Can't open the log file: ") + std::strerror(errno), errno};
  close(fd);
  return {};
}

Error fatal(const Error& error) {
  std::fprintf(stderr, "%s", config::fatal_text(error).c_str());
  return error;
}

}  // namespace

std::string working_directory() {
  char* path = get_current_dir_name();
  std::string out = path ? path : "/";
  std::free(path);
  return out;
}

Result<std::string> resolve_dir(const std::string& path, const std::string& base) {
  const std::string joined = !path.empty() && path[0] == '/' ? path : base + "/" + path;
  char* absolute = realpath(path.empty() ? "" : joined.c_str(), nullptr);
  if (!absolute) return Error{std::strerror(errno), errno};
  std::string out = absolute;
  std::free(absolute);
  struct stat info {};
  if (stat(out.c_str(), &info) != 0) return Error{std::strerror(errno), errno};
  if (!S_ISDIR(info.st_mode)) return Error{std::strerror(ENOTDIR), ENOTDIR};
  if (access(out.c_str(), X_OK) != 0) return Error{std::strerror(errno), errno};
  return out;
}

LogOptions log_options(const config::Config& config) {
  constexpr int kFacilities[] = {LOG_USER,   LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2, LOG_LOCAL3,
                                 LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6, LOG_LOCAL7};
  LogOptions options;
  options.level = parse_log_level(config.text("loglevel")).value_or(LogLevel::kNotice);
  options.format = static_cast<LogFormat>(config.integer("log-format"));
  options.times = static_cast<LogTimes>(config.integer("log-timestamp-format"));
  options.file = config.text("logfile");
  options.to_syslog = config.boolean("syslog-enabled");
  options.syslog_ident = config.text("syslog-ident");
  options.syslog_facility = kFacilities[config.integer("syslog-facility")];
  return options;
}

Result<std::shared_ptr<const config::Config>> read_configuration(io::Env& env, const ProcessOptions& options,
                                                                 Log& log) {
  const auto commands = registry::CommandTable::build(Node::command_tables());
  if (!commands) {
    log.warning("%s", commands.error().message.c_str());
    return commands.error();
  }
  const registry::CommandTable& table = **commands;
  acl::AclStore users(table);  // only to check `user` lines before anything starts

  config::LoadOptions load;
  load.directory = working_directory();
  load.cores = usable_cores();
  load.resolve_dir = resolve_dir;
  load.command_exists = [&](std::string_view name) { return table.find(name) != nullptr; };
  load.check_user = [&](const std::vector<std::string>& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    return users.load_line(views);
  };
  conf::CommandLine command = options.command;
  if (!command.config_file.empty() && command.config_file[0] != '/') {
    command.config_file = load.directory + "/" + command.config_file;
  }
  load.config_file = command.config_file;

  std::string from_stdin;
  if (command.from_stdin) {
    log.warning("Reading config from stdin");
    from_stdin = read_stdin();
  }
  io::Files& files = env.files();
  conf::Source source;
  source.read = [&](const std::string& path) -> Result<std::string> {
    auto text = files.read_all(path);
    if (text) return text;
    return Error{std::strerror(text.error().code), text.error().code};  // the path is said by who asks
  };
  source.list = [&](const std::string& dir) { return files.list(dir); };
  if (!command.config_file.empty()) {
    // A file that is not there is no fault in a line of it.
    if (const auto text = source.read(command.config_file); !text) {
      log.warning("Fatal error, can't open config file '%s': %s", command.config_file.c_str(),
                  text.error().message.c_str());
      return text.error();
    }
  }
  const auto lines = conf::read_config(command, from_stdin, source);
  if (!lines) return fatal(lines.error());
  const auto parameters = std::make_shared<const config::ParameterTable>(config::all_sections());
  auto config = config::load(parameters, *lines, load);
  if (!config) return fatal(config.error());

  const std::string& dir = (*config)->text("dir");
  if (chdir(dir.c_str()) != 0)
    return fatal(Error{"Can't chdir to '" + dir + "': " + std::strerror(errno), errno});
  if (auto opened = try_log_file((*config)->text("logfile")); !opened) return fatal(opened.error());
  return config;
}

}  // namespace tessera::server
