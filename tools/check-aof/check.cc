// Role: see check.h.
#include "tools/check-aof/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "server/persist/aof/manifest.h"
#include "tools/check-aof/scan.h"
#include "tools/check-rdb/check.h"

namespace tessera::check_aof {

namespace {

enum class Outcome { kGood, kEmpty, kTruncated, kTruncatedToTime, kBad };

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using OpenFile = std::unique_ptr<std::FILE, Closer>;

class Checker {
 public:
  explicit Checker(const Options& options) : options_(options) {}

  int run(const std::string& path) {
    const OpenFile file(std::fopen(path.c_str(), "r"));
    if (!file) {
      std::printf("Cannot open file %s: %s\n", path.c_str(), std::strerror(errno));
      return 1;
    }
    std::string head(4096, '\0');
    head.resize(std::fread(head.data(), 1, head.size(), file.get()));
    return is_manifest(head) ? whole(path) : single(path, is_snapshot(head));
  }

 private:
  static bool is_manifest(std::string_view head) {
    while (!head.empty() && head[0] == '#') {
      const size_t end = head.find('\n');
      if (end == std::string_view::npos) return false;
      head.remove_prefix(end + 1);
    }
    return head.substr(0, 4) == "file";
  }
  static bool is_snapshot(std::string_view head) {
    return head.substr(0, 5) == "REDIS" || head.substr(0, 6) == "VALKEY";
  }

  int single(const std::string& path, bool snapshot) {
    std::printf("Start checking Old-Style AOF\n");
    return tell(one(path, path, snapshot, true), "AOF", path);
  }

  int tell(Outcome outcome, const char* kind, const std::string& name) {
    switch (outcome) {
      case Outcome::kGood:
        std::printf("%s %s is valid\n", kind, name.c_str());
        return 0;
      case Outcome::kEmpty:
        std::printf("%s %s is empty\n", kind, name.c_str());
        return 0;
      case Outcome::kTruncated:
        std::printf("Successfully truncated AOF %s\n", name.c_str());
        return 0;
      case Outcome::kTruncatedToTime:
        std::printf("Successfully truncated AOF %s to timestamp %ld\n", name.c_str(),
                    static_cast<long>(options_.until_s));
        return 0;
      case Outcome::kBad:
        return 1;
    }
    return 1;
  }

  int whole(const std::string& path) {
    std::printf("Start checking Multi Part AOF\n");
    std::string text;
    {
      const OpenFile file(std::fopen(path.c_str(), "r"));
      char buffer[4096];
      for (size_t n; file && (n = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0;)
        text.append(buffer, n);
    }
    aof::ManifestError where;
    const auto manifest = aof::Manifest::parse(text, &where);
    if (!manifest.ok()) {
      std::printf("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
      if (where.line > 0) {
        std::printf("Reading the manifest file, at line %d\n>>> '%s'\n", where.line, where.text.c_str());
      }
      std::printf("%s\n", where.what.c_str());
      return 1;
    }
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    if (manifest->base) {
      const std::string& name = manifest->base->name;
      std::string head(16, '\0');
      if (const OpenFile file(std::fopen((folder + name).c_str(), "r")); file) {
        head.resize(std::fread(head.data(), 1, head.size(), file.get()));
      }
      const bool snapshot = is_snapshot(head);
      std::printf("Start to check BASE AOF (%s format).\n", snapshot ? "RDB" : "RESP");
      if (const int code =
              tell(one(name, folder + name, snapshot, manifest->increments.empty()), "BASE AOF", name))
        return code;
    }
    if (!manifest->increments.empty()) std::printf("Start to check INCR files.\n");
    for (size_t i = 0; i < manifest->increments.size(); ++i) {
      const std::string& name = manifest->increments[i].name;
      const bool last = i + 1 == manifest->increments.size();
      if (const int code = tell(one(name, folder + name, false, last), "INCR AOF", name)) return code;
    }
    std::printf("All AOF files and manifest are valid\n");
    return 0;
  }

  Outcome one(const std::string& name, const std::string& path, bool snapshot, bool is_last) {
    const OpenFile file(std::fopen(path.c_str(), options_.fix || options_.until_s != 0 ? "r+" : "r"));
    if (!file) {
      std::printf("Cannot open file %s: %s, aborting...\n", path.c_str(), std::strerror(errno));
      return Outcome::kBad;
    }
    struct stat info {};
    if (fstat(fileno(file.get()), &info) != 0) {
      std::printf("Cannot stat file: %s, aborting...\n", std::strerror(errno));
      return Outcome::kBad;
    }
    if (info.st_size == 0) return Outcome::kEmpty;
    if (snapshot && !skip_snapshot(name, file.get())) return Outcome::kBad;

    Scan scan(file.get(), name, line_);
    Scan::Next next;
    while ((next = scan.next()) == Scan::Next::kCommand || next == Scan::Next::kAnnotation) {
      if (options_.until_s == 0 || !scan.timestamp()) continue;
      if (*scan.timestamp() == Scan::kNoTime) {
        std::printf("Invalid timestamp annotation\n");
        return Outcome::kBad;
      }
      if (*scan.timestamp() <= options_.until_s) continue;
      return cut_at_time(path, file.get(), scan.begin(), is_last);
    }
    if (scan.is_format_error()) std::printf("AOF %s format error\n", name.c_str());
    scan.end();
    if (!scan.error().empty()) std::printf("%s\n", scan.error().c_str());
    const int64_t good = scan.good_up_to();
    const int64_t rest = info.st_size - good;
    if (rest == 0 && options_.until_s != 0) {
      std::printf("Truncate nothing in AOF %s to timestamp %ld\n", name.c_str(),
                  static_cast<long>(options_.until_s));
      return Outcome::kGood;
    }
    std::printf("AOF analyzed: filename=%s, size=%lld, ok_up_to=%lld, ok_up_to_line=%lld, diff=%lld\n",
                name.c_str(), static_cast<long long>(info.st_size), static_cast<long long>(good),
                static_cast<long long>(line_), static_cast<long long>(rest));
    if (rest == 0) return Outcome::kGood;
    if (!options_.fix) {
      std::printf("AOF %s is not valid. Use the --fix option to try fixing it.\n", name.c_str());
      return Outcome::kBad;
    }
    return mend(name, file.get(), info.st_size, good, is_last);
  }

  bool skip_snapshot(const std::string& name, std::FILE* file) {
    std::printf("[offset 0] Checking RDB file %s\n", name.c_str());
    check_rdb::Stats stats;
    uint64_t end = 0;
    const bool well = check_rdb::check(file, stdout, stats, &end);
    stats.write_counts(stdout);
    std::printf(well ? "RDB preamble is OK, proceeding with AOF tail...\n"
                     : "RDB preamble of AOF file is not sane, aborting.\n");
    return well && std::fseek(file, static_cast<long>(end), SEEK_SET) == 0;
  }

  Outcome cut_at_time(const std::string& path, std::FILE* file, int64_t at, bool is_last) {
    const auto until = static_cast<long>(options_.until_s);
    if (at == 0) {
      std::printf("AOF %s has nothing before timestamp %ld, aborting...\n", path.c_str(), until);
      return Outcome::kBad;
    }
    if (!is_last) {
      std::printf(
          "Failed to truncate AOF %s to timestamp %ld to offset %ld because it is not the last file.\n",
          path.c_str(), until, static_cast<long>(at));
      std::printf(
          "If you insist, please delete all files after this file according to the manifest file and delete "
          "the "
          "corresponding records in manifest file manually. Then re-run redis-check-aof.\n");
      return Outcome::kBad;
    }
    if (ftruncate(fileno(file), at) != 0) {
      std::printf("Failed to truncate AOF %s to timestamp %ld\n", path.c_str(), until);
      return Outcome::kBad;
    }
    return Outcome::kTruncatedToTime;
  }

  Outcome mend(const std::string& name, std::FILE* file, int64_t size, int64_t good, bool is_last) {
    if (!is_last) {
      std::printf("Failed to truncate AOF %s because it is not the last file\n", name.c_str());
      return Outcome::kBad;
    }
    std::printf("This will shrink the AOF %s from %lld bytes, with %lld bytes, to %lld bytes\n", name.c_str(),
                static_cast<long long>(size), static_cast<long long>(size - good),
                static_cast<long long>(good));
    std::printf("Continue? [y/N]: ");
    std::fflush(stdout);
    char answer[8] = {};
    if (std::fgets(answer, sizeof(answer), stdin) == nullptr || (answer[0] != 'y' && answer[0] != 'Y')) {
      std::printf("Aborting...\n");
      return Outcome::kBad;
    }
    if (ftruncate(fileno(file), good) != 0) {
      std::printf("Failed to truncate AOF %s\n", name.c_str());
      return Outcome::kBad;
    }
    return Outcome::kTruncated;
  }

  const Options options_;
  int64_t line_ = 1;
};

}  // namespace

int check(const std::string& path, const Options& options) {
  return Checker(options).run(path);
}

}  // namespace tessera::check_aof
