#include "server/route/decide.h"

#include "common/text/integers.h"

namespace tessera::route {

Verdict verdict_when_down(const ClusterOptions& options, const Question& question) {
  if (question.pubsub_shard) return options.allow_pubsubshard_when_down ? Verdict::kServe : Verdict::kDown;
  if (!options.allow_reads_when_down) return Verdict::kDown;
  return question.write ? Verdict::kDownReadOnly : Verdict::kServe;
}

Decision decide(const ClusterView& view, const Question& question) {
  if (!view.enabled()) return {};
  const int slot = question.slot;
  const int owner = view.owner(slot);
  if (owner == kNobody) return {Verdict::kUnassigned, slot, kNobody};
  if (question.cross_slot) return {Verdict::kCrossSlot, slot, kNobody};
  if (view.serves(slot)) return {Verdict::kServe, slot, owner};

  if (!view.is_ok()) {
    const Verdict down = verdict_when_down(view.options(), question);
    if (down != Verdict::kServe) return {down, slot, kNobody};
  }
  // Channels do not move with a slot's keys.
  const int migrating_to = question.pubsub_shard ? kNobody : view.migrating_to(slot);
  const int importing_from = question.pubsub_shard ? kNobody : view.importing_from(slot);
  if (question.is_migrate && (migrating_to != kNobody || importing_from != kNobody)) {
    return {Verdict::kServe, slot, view.me()};
  }
  if (migrating_to != kNobody && question.any_key_missing) {
    if (question.any_key_here) return {Verdict::kTryAgain, slot, kNobody};
    return {Verdict::kAsk, slot, migrating_to};
  }
  if (importing_from != kNobody && question.asking) {
    const bool torn = question.several_keys && question.any_key_missing;
    return {torn ? Verdict::kTryAgain : Verdict::kServe, slot, view.me()};
  }
  const NodeInfo& self = view.self();
  const bool reads_here =
      (question.readonly || question.pubsub_shard) && self.is_replica && self.primary == owner;
  if (owner == view.me() || (reads_here && !question.write)) return {Verdict::kServe, slot, view.me()};
  return {Verdict::kMoved, slot, owner};
}

std::string error_text(const ClusterView& view, const Decision& decision, ClientSide client) {
  switch (decision.verdict) {
    case Verdict::kMoved:
      return "MOVED " + text::to_text(decision.slot) + " " + view.address_of(decision.node, client);
    case Verdict::kAsk:
      return "ASK " + text::to_text(decision.slot) + " " + view.address_of(decision.node, client);
    case Verdict::kTryAgain:
      return "TRYAGAIN Multiple keys request during rehashing of slot";
    case Verdict::kCrossSlot:
      return "CROSSSLOT Keys in request don't hash to the same slot";
    case Verdict::kUnassigned:
      return "CLUSTERDOWN Hash slot not served";
    case Verdict::kDown:
      return "CLUSTERDOWN The cluster is down";
    case Verdict::kDownReadOnly:
      return "CLUSTERDOWN The cluster is down and only accepts read commands";
    case Verdict::kServe:
      break;
  }
  return {};
}

}  // namespace tessera::route
