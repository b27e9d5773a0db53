// Role: the control thread's loop. See control.h.
#include "server/control/control.h"

#include <algorithm>

namespace tessera::control {

namespace {

// One per when_adopted(): counts the workers' answers.
struct Adoption {
  int missing;
  std::function<void()> then;
};

struct Adopted : Request {
  std::shared_ptr<Adoption> adoption;
  void handle(Control&) override {
    std::shared_ptr<Adoption> mine = std::move(adoption);
    delete this;
    if (--mine->missing == 0) mine->then();
  }
};

struct Job : Request {
  std::function<void()> run;
  explicit Job(std::function<void()> r) : run(std::move(r)) {}
  void handle(Control&) override {
    const std::unique_ptr<Job> mine(this);
    run();
  }
};

}  // namespace

Control::~Control() = default;

void Control::add_cron(Micros period, std::function<void()> job) {
  cron_.push_back({period, MonoTime{0}, [period, job = std::move(job)] {
                     job();
                     return period;
                   }});
}

void Control::add_cron(std::function<Micros()> job) {
  cron_.push_back({Micros{}, MonoTime{0}, std::move(job)});
}

void Control::post(Request* request) {
  loop()->post(request);
}

void Control::post(std::function<void()> job) {
  post(new Job(std::move(job)));
}

void Control::when_adopted(std::function<void()> then) {
  const int count = workers_ ? workers_->count() : 0;
  if (count == 0) {
    then();
    return;
  }
  auto adoption = std::make_shared<Adoption>(Adoption{count, std::move(then)});
  for (int i = 0; i < count; ++i) {
    auto* done = new Adopted;
    done->adoption = adoption;
    workers_->ask_adopt(i, done);
  }
}

void Control::start(io::Loop& loop) {
  attach_loop(&loop);
  const MonoTime now = loop.clock().mono();
  for (Cron& cron : cron_) cron.next = now + cron.first;
}

// In the order of their arrival, behind what waits already.
void Control::take_inbox(io::Loop& loop) {
  io::Message* message = loop.inbox().take_all();
  if (message == nullptr) return;
  (backlog_ ? backlog_end_->next : backlog_) = message;
  while (message->next != nullptr) message = message->next;
  backlog_end_ = message;
}

// Clients who ask much wait for each other, but not the bus for them.
void Control::handle_some(io::Loop& loop) {
  constexpr Micros kAtMost = millis(2);
  const MonoTime began = loop.clock().mono();
  while (backlog_ != nullptr && !stopping_) {
    io::Message* message = backlog_;
    backlog_ = message->next;
    static_cast<Request*>(message)->handle(*this);
    if (loop.clock().mono() - began > kAtMost) return;
  }
}

Micros Control::tick(io::Loop& loop) {
  take_inbox(loop);
  handle_some(loop);
  if (stopping_) return kDone;
  const MonoTime now = loop.clock().mono();
  Micros wait = seconds(1);
  for (Cron& cron : cron_) {
    if (cron.next <= now) {
      cron.next = now + cron.job();
    }
    wait = std::min(wait, cron.next - now);
  }
  bool more = backlog_ != nullptr;
  for (const auto& turn : turns_) more |= turn();
  return more ? Micros{0} : std::max(wait, Micros{0});
}

void Control::finish(io::Loop& loop) {
  // What came before the end is handled, as it always was; what it asks for may come too late.
  take_inbox(loop);
  while (backlog_ != nullptr) {
    io::Message* message = backlog_;
    backlog_ = message->next;
    static_cast<Request*>(message)->handle(*this);
  }
  for (const auto& job : finishers_) job();
}

}  // namespace tessera::control
