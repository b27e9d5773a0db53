// Role: see aof_loader.h.
#include "server/persist/aof_loader.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/config/config.h"
#include "server/persist/aof/commands.h"
#include "server/persist/key_delay.h"

namespace tessera::persist {

namespace {

constexpr size_t kChunkBytes = 1024 * 1024;
constexpr std::string_view kSnapshotMagic[] = {"REDIS", "VALKEY"};

double seconds_since(io::Env& env, MonoTime began) {
  return static_cast<double>((env.clock().mono() - began).us) / 1e6;
}

}  // namespace

AofLoader::AofLoader(dispatch::NodeShared& node, AofPlace place, Options options)
    : node_(node),
      place_(std::move(place)),
      options_(std::move(options)),
      applier_(node, {options_.wait, options_.home}) {}

Result<void> AofLoader::load(const aof::Manifest& manifest) {
  Log& log = *node_.log;
  std::vector<std::string> names;
  if (manifest.base) names.push_back(manifest.base->name);
  for (const aof::ManifestFile& file : manifest.increments) names.push_back(file.name);
  // One that is named and not there ends it before anything is loaded.
  // Files without bytes end nothing: a manifest may name the next increment though its change failed for
  // those who wrote it, and the one before went on.
  size_t last = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    const auto found = node_.env->files().stat(place_.path(name));
    if (!found.ok()) {
      log.warning("Unable to obtain the AOF file %s length. stat: %s", name.c_str(),
                  found.error().message.c_str());
      return Error{place_.manifest_path() + " names " + name + ", which is not there"};
    }
    if (found->size_bytes > 0) last = i;
  }
  const MonoTime began = node_.env->clock().mono();
  for (size_t i = 0; i < names.size(); ++i) {
    const MonoTime file_began = node_.env->clock().mono();
    if (auto loaded = load_one(names[i], i >= last); !loaded.ok()) return loaded;
    log.notice("DB loaded from %s file %s: %.3f seconds", manifest.base && i == 0 ? "base" : "incr",
               names[i].c_str(), seconds_since(*node_.env, file_began));
  }
  if (applier_.failed() > 0) {
    const bool hides = node_.settings->get()->config->boolean("hide-user-data-from-log");
    log.warning("%lld commands of the append only file were answered by errors; the first: %s",
                static_cast<long long>(applier_.failed()),
                hides ? "*redacted*" : applier_.first_failure().c_str());
  }
  if (!names.empty()) {
    log.notice("DB loaded from append only file: %.3f seconds", seconds_since(*node_.env, began));
  }
  return {};
}

Result<void> AofLoader::load_one(const std::string& name, bool is_last) {
  auto file = node_.env->files().open(place_.path(name), io::OpenMode::kReadWrite);
  if (!file.ok()) file = node_.env->files().open(place_.path(name), io::OpenMode::kRead);
  if (!file.ok()) {
    node_.log->warning("Fatal error: can't open the append log file %s for reading: %s", name.c_str(),
                       file.error().message.c_str());
    return file.error();
  }
  char magic[8] = {};
  size_t have = 0;
  while (have < sizeof(magic)) {
    const auto n = (*file)->read(magic + have, sizeof(magic) - have);
    if (!n.ok()) return n.error();
    if (*n == 0) break;
    have += *n;
  }
  uint64_t offset = 0;
  const std::string_view head(magic, have);
  const bool snapshot = std::any_of(std::begin(kSnapshotMagic), std::end(kSnapshotMagic),
                                    [&](std::string_view m) { return head.substr(0, m.size()) == m; });
  if (snapshot) {
    const bool is_rdb = name.size() > 4 && name.compare(name.size() - 4, 4, ".rdb") == 0;
    if (auto loaded = load_snapshot(name, offset, !is_rdb); !loaded.ok()) return loaded;
  }
  applier_.begin_stream();
  return load_commands(name, **file, offset, is_last);
}

Result<void> AofLoader::load_snapshot(const std::string& name, uint64_t& end, bool has_tail_log) {
  Log& log = *node_.log;
  log.notice(has_tail_log ? "Reading RDB preamble from AOF file..."
                          : "Reading RDB base file on AOF loading...");
  Loader::Options options;
  options.verify_checksum = options_.verify_checksum;
  options.is_primary = false;  // what is over goes when the increments say so, or by itself afterwards
  options.wait = options_.wait;
  options.home = options_.home;
  Loader loader(node_, std::move(options));
  auto loaded = loader.load_file(place_.path(name));
  if (!loaded.ok()) {
    log.warning("Error reading the RDB %s %s, AOF loading aborted: %s",
                has_tail_log ? "preamble of the AOF file" : "base file", name.c_str(),
                loaded.error().message.c_str());
    return Error{place_.path(name) + ": " + loaded.error().message};
  }
  if (!loaded->complete) return Error{"stopped", Applier::kStopped};
  end = loaded->end_offset;
  if (has_tail_log) log.notice("Reading the remaining AOF tail...");
  if (loaded->functions.empty()) return {};
  const auto taken = node_.load_functions(loaded->functions);
  if (taken.ok()) return {};
  return Error{place_.path(name) + ": " + taken.error().message + ", of those from offset " +
               text::to_text(loaded->functions_offset) + " on"};
}

Result<void> AofLoader::load_commands(const std::string& name, io::File& file, uint64_t offset,
                                      bool is_last) {
  if (auto at = file.seek(offset); !at.ok()) return at;
  aof::CommandReader reader(offset);
  uint64_t before_transaction = offset;
  std::string chunk;
  KeyDelay delay(node_, "key-load-delay");
  for (;;) {
    const aof::CommandReader::Next next = reader.next();
    using Next = aof::CommandReader::Next;
    if (next == Next::kAnnotation) continue;
    if (next == Next::kBad) return bad_format(name, reader.error_offset(), reader.error());
    if (next == Next::kMore) {
      // What does not end soon is read in larger and larger parts.
      chunk.resize(std::clamp(reader.pending_bytes(), kChunkBytes, 64 * kChunkBytes));
      const auto n = file.read(chunk.data(), chunk.size());
      if (!n.ok()) {
        node_.log->warning("Unrecoverable error reading the append only file %s: %s", name.c_str(),
                           n.error().message.c_str());
        return n.error();
      }
      if (*n > 0) {
        reader.give({chunk.data(), *n});
        continue;
      }
      if (reader.pending_bytes() == 0 && !applier_.in_transaction()) break;
      if (auto done = applier_.finish(); !done.ok()) return done;
      if (applier_.in_transaction()) {
        node_.log->warning("Revert incomplete MULTI/EXEC transaction in AOF file %s", name.c_str());
        return truncated(name, file, before_transaction, is_last);
      }
      return truncated(name, file, reader.offset(), is_last);
    }
    delay.wait([this] { return node_.shutting_down.load(std::memory_order_relaxed); });
    const bool was_in = applier_.in_transaction();
    const auto taken = applier_.take(reader.args());
    if (!taken.ok()) {
      if (taken.error().code == Applier::kStopped) return taken;
      (void)applier_.finish().ok();
      node_.log->warning("%s reading the append only file %s", taken.error().message.c_str(), name.c_str());
      return Error{place_.path(name) + ": " + taken.error().message + ", before offset " +
                   text::to_text(reader.offset())};
    }
    if (was_in == applier_.in_transaction() && was_in) continue;
    // Where the file may end: behind whole commands and transactions; MULTI itself is part of one.
    if (!applier_.in_transaction()) before_transaction = reader.offset();
  }
  return applier_.finish();
}

Result<void> AofLoader::truncated(const std::string& name, io::File& file, uint64_t valid, bool is_last) {
  Log& log = *node_.log;
  if (!is_last) {
    log.warning("Fatal error: the truncated file is not the last file");
    return Error{place_.path(name) + " ends within a command at offset " + text::to_text(valid) +
                 " and is not the last file"};
  }
  if (options_.load_truncated) {
    log.warning("!!! Warning: short read while loading the AOF file %s!!!", name.c_str());
    log.warning("!!! Truncating the AOF %s at offset %llu !!!", name.c_str(),
                static_cast<unsigned long long>(valid));
    const auto cut = file.truncate(valid);
    if (cut.ok()) {
      log.warning("AOF %s loaded anyway because aof-load-truncated is enabled", name.c_str());
      return {};
    }
    log.warning("Error truncating the AOF file %s: %s", name.c_str(), cut.error().message.c_str());
  }
  log.warning(
      "Unexpected end of file reading the append only file %s. You can: 1) Make a backup of your AOF file, "
      "then "
      "use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the "
      "'aof-load-truncated' "
      "configuration option to yes and restart the server.",
      name.c_str());
  return Error{place_.path(name) + " ends within a command at offset " + text::to_text(valid)};
}

Result<void> AofLoader::bad_format(const std::string& name, uint64_t offset, const std::string& why) {
  if (auto done = applier_.finish(); !done.ok()) return done;
  node_.log->warning(
      "Bad file format reading the append only file %s: make a backup of your AOF file, then use "
      "./redis-check-aof --fix <filename.manifest>",
      name.c_str());
  node_.log->warning("%s at offset %llu", why.c_str(), static_cast<unsigned long long>(offset));
  return Error{place_.path(name) + ": " + why + " at offset " + text::to_text(offset)};
}

}  // namespace tessera::persist
