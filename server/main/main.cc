// Role: the process: reads the configuration, makes one Node, waits. Thread: main.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "common/conf/reader.h"
#include "server/config/loader.h"
#include "server/config/params.h"
#include "server/main/node.h"

int main(int argc, char** argv) {
  using namespace tessera;
  auto env = io::make_uv_env();
  Log log;
  std::vector<std::string> args(argv + 1, argv + argc);
  const conf::CommandLine command = conf::parse_command_line(args);
  conf::Source source;
  auto* files = &env->files();
  source.read = [files](const std::string& path) { return files->read_all(path); };
  source.list = [files](const std::string& dir) { return files->list(dir); };
  auto lines = conf::read_config(command, "", source);
  if (!lines.ok()) {
    std::fprintf(stderr, "%s\n", lines.error().message.c_str());
    return 1;
  }
  config::LoadOptions load;
  char cwd[4096];
  load.directory = getcwd(cwd, sizeof(cwd)) ? cwd : "/";
  load.cores = static_cast<int>(std::thread::hardware_concurrency());
  auto table = std::make_shared<config::ParameterTable>(config::all_sections());
  auto config = config::load(table, *lines, load);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", config::fatal_text(config.error()).c_str());
    return 1;
  }
  server::Node node({env.get(), &log, *config, argv[0]});
  auto started = node.start();
  if (!started.ok()) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  log.notice("Ready to accept connections");
  return node.wait();
}
