// Role: see spill_writer.h.
#include "server/persist/spill_writer.h"

#include <cstring>

namespace tessera::persist {

namespace {
constexpr size_t kBlockBytes = 256 * 1024;
}

Micros SpillWriter::tick(io::Loop& loop) {
  io::Message* message = loop.inbox().take_all();
  while (message != nullptr) {
    std::unique_ptr<io::Message> mine(message);
    message = std::exchange(mine->next, nullptr);
    if (dynamic_cast<CutChunk*>(mine.get()) != nullptr) {
      take(std::unique_ptr<CutChunk>(static_cast<CutChunk*>(mine.release())));
    } else if (const auto* over = dynamic_cast<SpillOver*>(mine.get())) {
      jobs_.erase(over->job.get());
    }
  }
  return stopping_.load() ? kDone : Micros{-1};
}

void SpillWriter::finish(io::Loop&) {
  jobs_.clear();
}

void SpillWriter::take(std::unique_ptr<CutChunk> chunk) {
  const std::shared_ptr<CutJob> job = chunk->job;
  // Nobody wants it, and what is here already goes when the snapshot thread says so.
  if (job->given_up.load(std::memory_order_acquire) || stopping_.load()) return chunk->release();
  OfJob& of_job = jobs_[job.get()];
  const bool written = write(of_job, *chunk);
  const bool ends = chunk->stream_ends;
  SpilledStream* ended = nullptr;
  if (ends) {
    ended = new SpilledStream;
    ended->job = job;
    ended->shard = chunk->shard;
    ended->stream = chunk->stream;
    const auto at = of_job.files.find({chunk->shard, chunk->stream});
    if (at != of_job.files.end()) {
      ended->file = std::move(at->second);
      of_job.files.erase(at);
    }
  }
  if (written) {
    chunk->release();
  } else if (chunk->early) {
    // In memory, then, where its bytes go on to count.
    chunk->stream = CutChunk::kNoStream;
    chunk->stream_ends = false;
    job->writer->post(chunk.release());
  } else {
    job->give_up({"what changed before it was saved was about to outgrow its bound of " +
                      std::to_string(job->kept_limit) + " bytes" + job->about_spill(),
                  0});
    chunk->release();
  }
  if (ended != nullptr) job->writer->post(ended);
}

SpillFile* SpillWriter::file_of(OfJob& of_job, const CutChunk& chunk) {
  std::unique_ptr<SpillFile>& file = of_job.files[{chunk.shard, chunk.stream}];
  if (file != nullptr) return file.get();
  const bool is_first = chunk.job->spilled.load() == 0 && of_job.files.size() == 1;
  const std::string path = spill_path(chunk.job->spill_prefix, chunk.shard, chunk.stream);
  auto created = SpillFile::create(node_.env->files(), path);
  if (!created.ok()) {
    chunk.job->spill_fails(created.error().message);
    return nullptr;
  }
  file = std::move(*created);
  if (is_first) {
    node_.log->notice(
        "What changes before it is saved has come near its bound of %lld bytes, and spills to a file: %s",
        static_cast<long long>(chunk.job->kept_limit), path.c_str());
  }
  return file.get();
}

bool SpillWriter::write(OfJob& of_job, const CutChunk& chunk) {
  CutJob& job = *chunk.job;
  if (chunk.bytes.empty()) return true;  // says that the stream has ended
  if (job.spill_failed.load(std::memory_order_relaxed)) return false;
  SpillFile* file = file_of(of_job, chunk);
  if (file == nullptr) return false;
  const uint64_t before = file->size_bytes();
  const bool written = write_records(*file, chunk);
  const auto bytes = static_cast<int64_t>(file->size_bytes() - before);
  job.spilled.fetch_add(bytes, std::memory_order_relaxed);
  node_.snapshot_status.spilled_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (written) file->keep();
  return written;
}

// The strings of shared records stand behind their keys, as if they had been copied.
bool SpillWriter::write_records(SpillFile& file, const CutChunk& chunk) {
  const auto put = [&](std::string_view bytes) {
    if (chunk.job->spilled.load() + static_cast<int64_t>(bytes.size()) > chunk.job->spill_limit) {
      chunk.job->spill_fails("it has reached its bound of " + std::to_string(chunk.job->spill_limit) +
                             " bytes");
      return false;
    }
    const Result<void> done = file.write(bytes);
    if (!done.ok()) chunk.job->spill_fails(done.error().message);
    return done.ok();
  };
  const std::string_view bytes = chunk.bytes;
  if (chunk.pieces.empty()) return put(bytes);
  size_t piece = 0;
  block_.clear();
  for (size_t at = 0; at < bytes.size();) {
    RecordHead head;
    std::memcpy(&head, bytes.data() + at, sizeof(head));
    const bool shared = head.shape == RecordHead::kShared;
    const size_t size = sizeof(head) + head.key_bytes + (shared ? 0 : CutChunk::value_inside(head));
    block_ += bytes.substr(at, size);
    at += size;
    for (uint64_t have = 0; shared && have < head.value_bytes; ++piece) {
      const CutChunk::Piece& each = chunk.pieces[piece];
      block_ += each.bytes.view().substr(each.offset, each.size);
      have += each.size;
      if (block_.size() < kBlockBytes) continue;
      if (!put(block_)) return false;
      block_.clear();
    }
    if (block_.size() < kBlockBytes) continue;
    if (!put(block_)) return false;
    block_.clear();
  }
  const bool done = block_.empty() || put(block_);
  block_.clear();
  return done;
}

}  // namespace tessera::persist
