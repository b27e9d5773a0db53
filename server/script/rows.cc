#include "server/script/rows.h"

#include <vector>

#include "server/script/runner.h"
#include "server/script/tables.h"

namespace tessera::script {

using registry::CommandRow;

namespace {

constexpr uint32_t kRunFlags = registry::kNoscript | registry::kSkipMonitor | registry::kStale |
                               registry::kNoMandatoryKeys | registry::kMovableKeys;
constexpr uint16_t kReadKeys = registry::kKeyRO | registry::kKeyAccess;
constexpr uint16_t kWriteKeys = registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate;

// Without handler: the engine's Scripts run them.
constexpr CommandRow run_row(const char* name, const char* since, const char* summary, const char* arguments,
                             bool read_only) {
  CommandRow row;
  row.name = name;
  row.arity = -3;
  row.flags = kRunFlags | (read_only ? registry::kReadonly : registry::kMayReplicate);
  row.acl = registry::kCatScripting;
  row.keys = registry::keys_counted(2, 0, 1, 1, read_only ? kReadKeys : kWriteKeys);
  row.group = "scripting";
  row.since = since;
  row.summary = summary;
  row.complexity = "Depends on what is run.";
  row.arguments = arguments;
  return row;
}

constexpr const char* kEvalArguments = "script:string numkeys:integer key:key@0?* arg:string?*";
constexpr const char* kShaArguments = "sha1:string numkeys:integer key:key@0?* arg:string?*";
constexpr const char* kCallArguments = "function:string numkeys:integer key:key@0?* arg:string?*";

constexpr CommandRow kRunRows[] = {
    run_row("eval", "2.6.0", "Runs a Lua script.", kEvalArguments, false),
    run_row("evalsha", "2.6.0", "Runs a script that the server knows, by its SHA1.", kShaArguments, false),
    run_row("eval_ro", "7.0.0", "Runs a Lua script that only reads.", kEvalArguments, true),
    run_row("evalsha_ro", "7.0.0", "Runs a script that the server knows and that only reads.", kShaArguments,
            true),
    run_row("fcall", "7.0.0", "Calls a function.", kCallArguments, false),
    run_row("fcall_ro", "7.0.0", "Calls a function that only reads.", kCallArguments, true),
};

}  // namespace

std::span<const CommandRow> script_rows() {
  static const auto rows = [] {
    std::vector<CommandRow> all(std::begin(kRunRows), std::end(kRunRows));
    CommandRow container;
    container.arity = -2;
    container.group = "scripting";
    container.complexity = "Depends on the subcommand.";
    container.name = "script";
    container.since = "2.6.0";
    container.summary = "Commands that speak of scripts.";
    container.subcommands = script_subrows();
    all.push_back(container);
    container.name = "function";
    container.since = "7.0.0";
    container.summary = "Commands that speak of functions.";
    container.subcommands = function_subrows();
    all.push_back(container);
    return all;
  }();
  return rows;
}

std::shared_ptr<Shared> make_shared_scripts() {
  return std::make_shared<Shared>();
}

void attach_runner(dispatch::Engine& engine, std::shared_ptr<Shared> shared) {
  engine.set_scripts(std::make_unique<Runner>(engine, std::move(shared)));
}

}  // namespace tessera::script
