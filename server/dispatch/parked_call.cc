// Role: see parked_call.h.
#include "server/dispatch/parked_call.h"

#include "server/dispatch/gather.h"

namespace tessera::dispatch {

namespace {

struct ParkedCall : Envelope {
  std::function<void(Engine&)> call;
  explicit ParkedCall(std::function<void(Engine&)> c) : call(std::move(c)) {}

  void arrive(Engine& engine) override {
    const std::unique_ptr<ParkedCall> mine(this);
    std::vector<int> all(engine.node().engines.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    const ClientRef nobody{static_cast<uint16_t>(engine.index()), UINT32_MAX, 0};
    auto* gather = new Gather(engine.index(), nobody, SessionBits{}, CommandView{}, std::move(all));
    // Run along with gathers of another coordinator it would miss what those did: that is not in the log yet.
    gather->at_home_only = true;
    gather->call = [&engine, call = std::move(call)](resp::Writer&) { call(engine); };
    engine.begin_gather(gather);
  }
};

}  // namespace

void call_parked(Engine& coordinator, std::function<void(Engine&)> call) {
  coordinator.loop().post(new ParkedCall(std::move(call)));
}

}  // namespace tessera::dispatch
