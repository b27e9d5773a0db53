// Role: the walk over the keyspace that several modes share. Thread: one.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "tools/cli/modes/modes.h"

namespace tessera::cli {

template <typename Page>
void scan_keys(Session& session, const Options& options, Page page) {
  std::string cursor = "0";
  do {
    std::vector<std::string> args{"SCAN", cursor};
    if (options.pattern) args.insert(args.end(), {"MATCH", *options.pattern});
    if (options.scan_count > 0) args.insert(args.end(), {"COUNT", std::to_string(options.scan_count)});
    if (!options.type.empty()) args.insert(args.end(), {"TYPE", options.type});
    resp::Value reply = session.command(args);
    if (reply.is_error()) {
      std::fprintf(stderr, "SCAN error: %s\n", reply.text.c_str());
      std::exit(1);
    }
    if (reply.items.size() != 2 || !reply.items[0].is_text()) {
      std::fprintf(stderr, "SCAN gave something else than a cursor and keys\n");
      std::exit(1);
    }
    cursor = reply.items[0].text;
    std::vector<std::string> keys;
    for (resp::Value& key : reply.items[1].items) keys.push_back(std::move(key.text));
    page(keys);
  } while (cursor != "0");
}

}  // namespace tessera::cli
