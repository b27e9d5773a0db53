// Role: a snapshot as commands that make its keys: SELECT, FUNCTION LOAD, RESTORE with the payloads that DUMP
// gives. Thread: as SnapshotSink. Invariants: what it writes is loaded by whoever reads the snapshot; of the
// stream it holds one record.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/persist/rdb/framer.h"
#include "server/persist/snapshot.h"

namespace tessera::persist {

class CommandSink final : public SnapshotSink {
 public:
  // `out` gets commands instead of the stream. `timestamp`: and first, when it was (aof-timestamp-enabled).
  CommandSink(std::unique_ptr<SnapshotSink> out, bool timestamp)
      : out_(std::move(out)), timestamp_(timestamp) {}

  Result<void> begin(const CutInfo& cut) override;
  Result<void> write(std::string_view bytes) override;
  Result<void> end() override;
  void failed(const Error& why) override { out_->failed(why); }

 private:
  Result<void> take(const rdb::Record& record);
  Result<void> restore(const rdb::Record& record);
  Result<void> flush();
  void head(size_t words);
  void word(std::string_view bytes);
  void number(int64_t n);

  std::unique_ptr<SnapshotSink> out_;
  const bool timestamp_;
  rdb::Framer framer_{false};  // the sum is of bytes that never left this process
  std::string buffer_;
  int db_ = -1;
};

}  // namespace tessera::persist
