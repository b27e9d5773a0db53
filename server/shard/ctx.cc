// Role: the handlers' context. See ctx.h.
#include "server/shard/ctx.h"

#include "common/base/check.h"
#include "server/shard/shard.h"
#include "server/store/cut.h"

namespace tessera::shard {

using store::Entry;
using store::Key;

void CtxSetup::one_shard(Ctx& ctx, Shard& shard) {
  ctx.home_ = &shard;
  ctx.by_index_ = nullptr;
  ctx.reachable_ = nullptr;
  ctx.shard_count_ = 1;
  ctx.node_shard_count_ = shard.shard_count();
  ctx.is_cluster_ = shard.settings.is_cluster;
}

void CtxSetup::gather(Ctx& ctx, Shard& coordinator, Shard* const* by_index, Shard* const* reachable,
                      size_t count) {
  one_shard(ctx, coordinator);
  ctx.by_index_ = by_index;
  ctx.reachable_ = reachable;
  ctx.shard_count_ = count;
}

void CtxSetup::same_reach(Ctx& ctx, const Ctx& outer) {
  ctx.home_ = outer.home_;
  ctx.by_index_ = outer.by_index_;
  ctx.reachable_ = outer.reachable_;
  ctx.shard_count_ = outer.shard_count_;
  ctx.node_shard_count_ = outer.node_shard_count_;
  ctx.is_cluster_ = outer.is_cluster_;
}

void CtxSetup::narrow(Ctx& ctx, const Ctx& outer, size_t i) {
  same_reach(ctx, outer);
  if (outer.by_index_ == nullptr) return;
  ctx.reachable_ = outer.reachable_ + i;
  ctx.shard_count_ = 1;
}

void CtxSetup::begin_effects(Ctx& ctx) {
  ctx.effects_wanted_ = ctx.home_->journal().wanted();
  if (ctx.effects_wanted_) ctx.home_->batch().begin_command();
}

void CtxSetup::end_effects(Ctx& ctx) {
  if (ctx.effects_wanted_) ctx.home_->batch().end_command();
}

Shard& Ctx::shard_for(int slot) const {
  if (by_index_ == nullptr) {
    TESSERA_DCHECK(store::shard_of_slot(slot, node_shard_count_) == home_->index());
    return *home_;
  }
  Shard* shard = by_index_[store::shard_of_slot(slot, node_shard_count_)];
  TESSERA_CHECK(shard != nullptr);
  return *shard;
}

int Ctx::database_count() const {
  return home_->keyspace().database_count();
}
bool Ctx::is_cluster() const {
  return is_cluster_;
}
bool Ctx::is_replica() const {
  return applying_;  // replication decides this as well once there is any
}
Random& Ctx::random() {
  return home_->random();
}
uint64_t Ctx::hash_seed() const {
  return home_->hash_seed();
}
bool Ctx::policy_is_lfu() const {
  return home_->settings.policy_lfu;
}
int Ctx::lfu_decay_minutes() const {
  return home_->settings.lfu_decay_minutes;
}
bool Ctx::owns_slot(int slot) const {
  const route::ClusterView* view = home_->view;
  return view == nullptr || !view->enabled() || view->is_mine(slot);
}
bool Ctx::compress_snapshots() const {
  return home_->settings.compress_snapshots;
}
size_t Ctx::serialized_bytes(const Entry& entry) const {
  return home_->serialized_bytes(entry);
}
bool Ctx::skips_checksums() const {
  return home_->skips_checksums();
}
const ShardSettings& Ctx::settings() const {
  return home_->settings;
}
int64_t Ctx::max_bulk_bytes() const {
  return home_->settings.max_bulk_bytes;
}
uint64_t Ctx::slice_elements() const {
  return home_->slice.elements;
}
void Ctx::set_slice(uint64_t elements, uint64_t steps) {
  for (size_t i = 0; i < shard_count_; ++i) shard_at(i).slice = {elements, steps};
}
bool Ctx::is_long(uint64_t elements) const {
  return blocker_ != nullptr && elements > 2 * home_->slice.elements;
}
bool Ctx::take_long(std::shared_ptr<LongWork> work) {
  BlockRequest request;
  request.work = std::move(work);
  return block(request);
}
Key Ctx::key(std::string_view bytes) const {
  if (bytes.data() == hint_.bytes.data() && bytes.size() == hint_.bytes.size() && bytes.data() != nullptr)
    return hint_;
  return store::Keyspace::make_key(bytes, home_->hash_seed());
}

store::Keyspace& Ctx::keyspace(const Key& key) {
  return shard_for(key.slot).keyspace();
}

bool Ctx::same_shard(const Key& a, const Key& b) const {
  return store::shard_of_slot(a.slot, node_shard_count_) == store::shard_of_slot(b.slot, node_shard_count_);
}

const Entry* Ctx::find_live(int db, const Key& key) {
  Shard& shard = shard_for(key.slot);
  const Entry* entry = shard.keyspace().find(db, key);
  if (entry == nullptr || !entry->expired(now_.ms) || applying_) return entry;
  if (shard.expire_paused) return nullptr;  // hidden, not removed
  shard.note_expired(db, key, *home_, effects_wanted_);
  store::KeyspaceCut::erase_expired(shard.keyspace(), db, key);
  return nullptr;
}

void Ctx::touch(const Entry& entry) {
  if (no_touch_ && std::string_view(row_->name) != "touch") return;
  auto& mutable_entry = const_cast<Entry&>(entry);  // access time is not part of the value
  const ShardSettings& settings = home_->settings;
  if (settings.policy_lfu) {
    mutable_entry.set_lru(lfu_accessed(entry.lru(), now_, settings.lfu_decay_minutes, settings.lfu_log_factor,
                                       home_->random()));
  } else {
    mutable_entry.set_lru(lru_clock(now_));
  }
}

const Entry* Ctx::read(const Key& key) {
  const Entry* entry = find_live(db_, key);
  ShardCounters& counters = home_->counters();
  if (entry == nullptr) {
    counters.keyspace_misses.add();
    notify(db_, key, kEventKeyMiss, "keymiss");
    return nullptr;
  }
  counters.keyspace_hits.add();
  touch(*entry);
  return entry;
}

const Entry* Ctx::peek(const Key& key, bool stats, bool miss_is_event) {
  const Entry* entry = find_live(db_, key);
  if (stats) {
    (entry ? home_->counters().keyspace_hits : home_->counters().keyspace_misses).add();
    if (entry == nullptr && miss_is_event) notify(db_, key, kEventKeyMiss, "keymiss");
  }
  return entry;
}

Entry* Ctx::write(const Key& key) {
  const Entry* entry = find_live(db_, key);
  if (entry) touch(*entry);
  return const_cast<Entry*>(entry);  // the keyspace is ours to change
}

const Entry* Ctx::peek_in(int db, const Key& key) {
  return find_live(db, key);
}

void Ctx::wrong_type(resp::Writer& reply) {
  reply.error("WRONGTYPE Operation against a key holding the wrong kind of value");
}

bool Ctx::check_type(const Entry& entry, store::Type type, resp::Writer& reply) {
  if (entry.type() == type) return true;
  wrong_type(reply);
  return false;
}

void Ctx::init_access(Entry* entry) {
  if (entry == nullptr) return;
  if (home_->settings.policy_lfu) {
    if (entry->lru() == 0) entry->set_lru(lfu_initial(now_));
  } else {
    entry->set_lru(lru_clock(now_));
  }
}

namespace {
// Whether who waits for the key shall look at it. A time to live gives nobody anything; a stream does when it
// gets an entry or loses a group: what else happens inside of one (SETID, claims, deletions) wakes nobody, as
// in redis-server.
bool may_wake(EventClass event_class, const char* event) {
  const std::string_view name = event == nullptr ? "" : event;
  if (event_class == kEventStream) return name == "xadd" || name == "xgroup-destroy";
  return event_class != kEventGeneric || (name != "expire" && name != "persist");
}

// Whether WATCH and tracking take it for a change of the key: all but what happens to a stream's groups, as
// in redis-server.
bool changes_key(EventClass event_class, const char* event) {
  if (event_class != kEventStream) return event_class != kEventNone;
  const std::string_view name = event == nullptr ? "" : event;
  return name == "xadd" || name == "xdel" || name == "xtrim";
}
}  // namespace

void Ctx::note_change(int db, const Key& key, EventClass event_class, const char* event) {
  Shard& shard = shard_for(key.slot);
  shard.counters().dirty.add();
  if (__builtin_expect(!shard.waiting().empty(), 0) && may_wake(event_class, event)) {
    shard.waiting().touched(db, key.bytes, home_->waiting().next_order());
  }
  if (__builtin_expect((home_->settings.notify_events & event_class) != 0, 0) && event != nullptr) {
    home_->tell_event(db, key, event);
  }
  if (__builtin_expect(!shard.held_keys().empty(), 0)) shard.held_keys().touched(db, key.bytes);
  tell_change(shard, db, key, event_class, event);
}

// Who has read the key, and who watches it.
void Ctx::tell_change(Shard& shard, int db, const Key& key, EventClass event_class, const char* event) {
  if (__builtin_expect(!home_->tells_changes_of(shard) && shard.watches().empty(), 1)) return;
  if (!changes_key(event_class, event)) return;
  if (home_->tells_changes_of(shard)) home_->tell_change(key, shard, home_->changer);
  if (!shard.watches().empty()) shard.watches().touched(shard.keyspace(), db, key);
}

bool Ctx::block(const BlockRequest& request) {
  if (blocker_ == nullptr) return false;
  (*blocker_)(request);
  return true;
}

void Ctx::notify(int db, const Key& key, EventClass event_class, const char* event) {
  if (__builtin_expect((home_->settings.notify_events & event_class) != 0, 0) && event != nullptr) {
    home_->tell_event(db, key, event);
  }
  // What only a notification names: XTRIM's change, and LTRIM that removes nothing but counts as a change.
  const std::string_view name = event == nullptr ? "" : event;
  if ((event_class == kEventStream && name == "xtrim") || (event_class == kEventList && name == "ltrim")) {
    tell_change(shard_for(key.slot), db, key, event_class, event);
  }
}

int64_t CtxSetup::publish(Ctx& ctx, std::string_view channel, std::string_view message,
                          const SharedBytes* owner, bool sharded) {
  return ctx.home_->port().publish(channel, message, owner, sharded);
}

void Ctx::add_dirty(int64_t n) {
  home_->counters().dirty.add(n);
}

void Ctx::expired_fields(const Key& key, int64_t n) {
  if (n == 0) return;
  shard_for(key.slot).counters().expired_fields.add(n);
  notify(db_, key, kEventHash, "hexpired");
}

void Ctx::append_effect(int db, uint16_t slot) {
  home_->batch().effect(db, slot, effect_.views());
}

void Ctx::changed_verbatim(const Key& key, EventClass event_class, const char* event) {
  changed_verbatim_in(db_, key, event_class, event);
}

void Ctx::changed_verbatim_in(int db, const Key& key, EventClass event_class, const char* event) {
  note_change(db, key, event_class, event);
  if (effects_wanted_) home_->batch().effect(db_, key.slot, args_->views());
}

bool Ctx::remove(const Key& key, const char* event) {
  if (find_live(db_, key) == nullptr) return false;
  keyspace(key).erase(db_, key);
  changed(key, kEventGeneric, event, [&](EffectArgs& effect) {
    effect.add(std::string_view(row_->name) == "unlink" ? "UNLINK" : "DEL").add(key.bytes);
  });
  return true;
}

Shard& Ctx::shard_at(size_t i) {
  return by_index_ == nullptr ? *home_ : *reachable_[i];
}

store::Keyspace& Ctx::keyspace_at(size_t i) {
  return shard_at(i).keyspace();
}

int Ctx::shard_index_at(size_t i) const {
  return by_index_ == nullptr ? home_->index() : reachable_[i]->index();
}

void Ctx::flushed(int db, bool) {
  for (size_t i = 0; i < shard_count_; ++i) shard_at(i).empty(db, *home_);
  home_->tell_flushed();
  if (effects_wanted_) home_->batch().effect(db_, journal::kNoSlot, args_->views());
}

void Ctx::swapped(int a, int b) {
  for (size_t i = 0; i < shard_count_; ++i) {
    Shard& shard = shard_at(i);
    if (!shard.watches().empty()) shard.watches().swapped(shard.keyspace(), a, b, now_);
    shard.keyspace().swap_databases(a, b);
    for (int db : {a, b}) shard.held_keys().all_touched(db);
    for (int db : {a, b}) shard.waiting().all_touched(db, home_->waiting().next_order());
  }
  home_->counters().dirty.add();
  if (effects_wanted_) home_->batch().effect(db_, journal::kNoSlot, args_->views());
}

// ---- EffectArgs

EffectArgs& EffectArgs::add(std::string_view arg) {
  pieces_.push_back({0, arg.size(), arg.data()});
  return *this;
}

EffectArgs& EffectArgs::add_int(int64_t n) {
  const std::string text = std::to_string(n);
  pieces_.push_back({bytes_.size(), text.size(), nullptr});
  bytes_ += text;
  return *this;
}

EffectArgs& EffectArgs::add_shared(const SharedBytes& bytes) {
  return add(bytes.view());
}

void EffectArgs::clear() {
  bytes_.clear();
  pieces_.clear();
}

const std::vector<std::string_view>& EffectArgs::views() {
  views_.clear();
  for (const Piece& piece : pieces_) {
    views_.emplace_back(piece.outside ? piece.outside : bytes_.data() + piece.offset, piece.size);
  }
  return views_;
}

}  // namespace tessera::shard
