// Role: how a pipeline writes replies in their place: shared by the files that Pipeline is made of. Thread:
// the connection's.
#pragma once

#include "server/dispatch/pipeline.h"

namespace tessera::dispatch {

template <typename F>
void Pipeline::write_in_place(F&& write) {
  resp::OutChain& chain = slots_empty() ? out_ : blocked_;
  if (__builtin_expect(muted(), 0)) {
    resp::OutChain nowhere(engine_.chunks());
    resp::Writer reply(nowhere, session_.proto);
    write(reply);
    return;
  }
  const size_t before = chain.size();
  resp::Writer reply(chain, session_.proto);
  write(reply);
  if (&chain == &blocked_) push_slot(0, chain.size() - before);
}

template <typename F>
void Pipeline::reply_in_place(F&& write) {
  if (session_.has(kReplySkipNext)) {
    session_.clear(kReplySkipNext);
    session_.set(kReplySkip);
  } else {
    session_.clear(kReplySkip);
  }
  write_in_place(std::forward<F>(write));
}

}  // namespace tessera::dispatch
