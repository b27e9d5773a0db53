// Role: see writer.h.
#include "tests/sim/node/writer.h"

#include <algorithm>

namespace tessera::sim {

namespace {

constexpr uint64_t kStrings = 12, kLists = 3, kHashes = 3, kFields = 8;
// Of values of several pieces: more than 16 KB, and several nodes.
constexpr uint64_t kMembers = 220, kEntries = 60;
constexpr const char* kBigNames[kBigKinds] = {"bh", "bs", "bz", "bl", "bx", "bx"};
constexpr const char* kGroup = "g";

std::string text_of(const resp::Value& value) {
  return value.is(resp::Value::Kind::kInteger) ? std::to_string(value.integer) : value.text;
}

}  // namespace

Writer::Writer(int number, uint64_t seed, std::optional<Big> only)
    : number_(number), only_(only), random_(seed) {}

std::string Writer::key(const char* kind, uint64_t i) const {
  return std::string(kind) + ":" + std::to_string(number_) + ":" + std::to_string(i);
}

bool Writer::connect(io::Env& env, const std::string& ip, int life) {
  life_ = life;
  resp::ClientOptions options;
  options.host = ip;
  options.connect_timeout = seconds(5);
  options.command_timeout = seconds(30);
  auto client = resp::Client::connect_bare(env, options);
  if (!client.ok()) return false;
  client_ = std::move(*client);
  unanswered_ = operations_.size();
  replies_left_ = 0;
  return true;
}

Big Writer::any_big() {
  return only_ ? *only_ : static_cast<Big>(random_.below(kBigKinds));
}

// Anew, of the same members.
void Writer::build(Big kind, std::vector<std::vector<std::string>>& commands) {
  const std::string name = key(kBigNames[static_cast<size_t>(kind)], 0), filler(90, 'b');
  commands.push_back({"DEL", name});
  if (kind == Big::kStream || kind == Big::kGroup) {
    for (uint64_t i = 1; i <= kEntries; ++i)
      commands.push_back({"XADD", name, std::to_string(i) + "-1", "f", std::string(400, 'b')});
    commands.push_back({"XGROUP", "CREATE", name, kGroup, "0"});
    commands.push_back({"XREADGROUP", "GROUP", kGroup, "c0", "COUNT", "40", "STREAMS", name, ">"});
    return;
  }
  std::vector<std::string> words = {kind == Big::kHash   ? "HSET"
                                    : kind == Big::kSet  ? "SADD"
                                    : kind == Big::kZset ? "ZADD"
                                                         : "RPUSH",
                                    name};
  for (uint64_t i = 0; i < kMembers; ++i) {
    if (kind == Big::kHash) words.push_back("f" + std::to_string(i));
    if (kind == Big::kZset) words.push_back(std::to_string(i));
    words.push_back(filler + std::to_string(i));
  }
  commands.push_back(std::move(words));
}

void Writer::change(Big kind, const std::string& word, std::vector<std::vector<std::string>>& commands) {
  const std::string name = key(kBigNames[static_cast<size_t>(kind)], 0);
  const std::string i = std::to_string(random_.below(kMembers)), member = std::string(90, 'b') + i;
  const bool other = random_.below(2) == 0;
  switch (kind) {
    case Big::kHash:
      commands.push_back(other ? std::vector<std::string>{"HDEL", name, "f" + i}
                               : std::vector<std::string>{"HSET", name, "f" + i, word});
      return;
    case Big::kSet:
      commands.push_back({other ? "SREM" : "SADD", name, random_.below(3) == 0 ? word : member});
      return;
    case Big::kZset:
      commands.push_back(other ? std::vector<std::string>{"ZREM", name, member}
                               : std::vector<std::string>{"ZADD", name, i, member});
      return;
    case Big::kList:
      commands.push_back(other ? std::vector<std::string>{"LSET", name, i, word}
                               : std::vector<std::string>{random_.below(2) == 0 ? "LPOP" : "RPOP", name});
      return;
    case Big::kStream:
      commands.push_back(
          other ? std::vector<std::string>{"XDEL", name, std::to_string(1 + random_.below(kEntries)) + "-1"}
                : std::vector<std::string>{"XADD", name, std::to_string(kEntries + last_id_) + "-1", "f",
                                           word});
      return;
    case Big::kGroup:
      commands.push_back(other
                             ? std::vector<std::string>{"XREADGROUP", "GROUP", kGroup,
                                                        "c" + std::to_string(random_.below(3)), "COUNT", "2",
                                                        "STREAMS", name, ">"}
                             : std::vector<std::string>{"XACK", name, kGroup,
                                                        std::to_string(1 + random_.below(kEntries)) + "-1"});
  }
}

// What is said twice is seen, so nothing here can be done twice without a trace.
std::vector<std::vector<std::string>> Writer::draw(int64_t id) {
  const std::string word = std::to_string(life_) + "." + std::to_string(id);
  std::vector<std::vector<std::string>> commands = {{"RPUSH", key("log", 0), std::to_string(id)}};
  const std::string string = key("s", random_.below(kStrings)), list = key("l", random_.below(kLists)),
                    hash = key("h", random_.below(kHashes));
  // At first each kind is made once, and then now and then.
  const bool first = id <= kBigKinds && !only_;
  if (first || random_.below(50) == 0 || (only_ && id == 1))
    build(first ? static_cast<Big>(id - 1) : any_big(), commands);
  for (uint64_t i = only_ ? 1 + random_.below(4) : random_.below(3); i > 0; --i)
    change(any_big(), word, commands);
  for (uint64_t i = random_.below(3); i > 0; --i) {
    switch (random_.below(8)) {
      case 0:
        commands.push_back({"DEL", random_.below(2) == 0 ? string : list});
        break;
      case 1:
        commands.push_back({"APPEND", string, word});
        break;
      case 2:
        commands.push_back({"HSET", hash, "f" + std::to_string(random_.below(kFields)), word});
        break;
      case 3:
        commands.push_back({"RPUSH", list, word, word});
        break;
      case 4:
        commands.push_back({"LTRIM", list, "-6", "-1"});
        break;
      case 5:
        commands.push_back({"INCRBY", key("n", 0), std::to_string(id)});
        break;
      default:
        commands.push_back({"SET", string, word + std::string(random_.below(40) * random_.below(40), 'x')});
    }
  }
  return commands;
}

void Writer::apply(const std::vector<std::string>& words, State& state) {
  const std::string &name = words[0], &key = words[1];
  if (name == "SET") {
    state.strings[key] = words[2];
  } else if (name == "APPEND") {
    state.strings[key] += words[2];
  } else if (name == "INCRBY") {
    std::string& number = state.strings[key];
    number = std::to_string((number.empty() ? 0 : std::stoll(number)) + std::stoll(words[2]));
  } else if (name == "RPUSH") {
    auto& list = state.lists[key];
    list.insert(list.end(), words.begin() + 2, words.end());
  } else if (name == "LTRIM") {
    const auto at = state.lists.find(key);
    if (at != state.lists.end() && at->second.size() > 6)
      at->second.erase(at->second.begin(), at->second.end() - 6);
  } else if (name == "HSET" || name == "SADD" || name == "ZADD") {
    auto& members = state.hashes[key];
    for (size_t i = 2; i < words.size(); i += name == "SADD" ? 1 : 2) {
      const bool by_score = name == "ZADD";
      members[words[by_score ? i + 1 : i]] = name == "SADD" ? std::string() : words[by_score ? i : i + 1];
    }
  } else if (name == "HDEL" || name == "SREM" || name == "ZREM") {
    state.hashes[key].erase(words[2]);
  } else if (name == "LSET") {
    const auto at = state.lists.find(key);
    const auto i = static_cast<size_t>(std::stoul(words[2]));
    if (at != state.lists.end() && i < at->second.size()) at->second[i] = words[3];
  } else if (name == "LPOP" || name == "RPOP") {
    auto& list = state.lists[key];
    if (!list.empty()) list.erase(name == "LPOP" ? list.begin() : list.end() - 1);
  } else if (name[0] == 'X') {
    apply_to_stream(words, state);
  } else {
    state.hashes.erase(key);
    state.hashes.erase(key + "/g");
    state.delivered.erase(key);
    state.strings.erase(key);
    state.lists.erase(key);
  }
}

void Writer::apply_to_stream(const std::vector<std::string>& words, State& state) {
  const std::string& name = words[0];
  const std::string& key = name == "XGROUP" ? words[2] : name == "XREADGROUP" ? words[7] : words[1];
  auto& entries = state.hashes[key];
  const auto delivered = state.delivered.find(key);
  if (name == "XADD") {
    entries[words[2]] = words[4];
  } else if (name == "XDEL") {
    entries.erase(words[2]);
  } else if (name == "XGROUP") {
    state.delivered[key] = 0;
  } else if (delivered == state.delivered.end()) {
    return;
  } else if (name == "XACK") {
    state.hashes[key + "/g"].erase(words[3]);
  } else {
    std::set<uint64_t> coming;
    for (const auto& [id, value] : entries) {
      if (const uint64_t number = std::stoull(id); number > delivered->second) coming.insert(number);
    }
    uint64_t left = std::stoull(words[5]);
    for (auto at = coming.begin(); at != coming.end() && left > 0; ++at, --left) {
      delivered->second = *at;
      state.hashes[key + "/g"][std::to_string(*at) + "-1"] = words[3];
    }
  }
}

void Writer::send_some(MonoTime now) {
  if (!client_) return;
  for (uint64_t i = 1 + random_.below(3); i > 0; --i) {
    Operation operation;
    operation.id = ++last_id_;
    operation.commands = draw(operation.id);
    operation.sent = now;
    if (operation.commands.size() > 1) client_->append({"MULTI"});
    for (const auto& words : operation.commands) client_->append(words);
    if (operation.commands.size() > 1) client_->append({"EXEC"});
    operations_.push_back(std::move(operation));
  }
  client_->flush();
}

bool Writer::take_answers(io::Env& env) {
  if (!client_) return false;
  while (unanswered_ < operations_.size() && client_->poll(Micros{0})) {
    auto value = client_->receive();
    if (!value.ok()) break;
    Operation& operation = operations_[unanswered_];
    const int replies = operation.commands.size() > 1 ? static_cast<int>(operation.commands.size()) + 2 : 1;
    if (replies_left_ == 0) replies_left_ = replies;
    if (--replies_left_ > 0) continue;
    operation.answered = env.clock().mono();
    operation.answer = value->is_error() ? Answer::kRefused : Answer::kDone;
    ++unanswered_;
  }
  return client_->connected();
}

std::string Writer::read_state(resp::Client& client, State& state) const {
  std::vector<std::vector<std::string>> commands;
  for (uint64_t i = 0; i < kStrings; ++i) commands.push_back({"GET", key("s", i)});
  commands.push_back({"GET", key("n", 0)});
  for (uint64_t i = 0; i < kLists; ++i) commands.push_back({"LRANGE", key("l", i), "0", "-1"});
  commands.push_back({"LRANGE", key("log", 0), "0", "-1"});
  for (uint64_t i = 0; i < kHashes; ++i) commands.push_back({"HGETALL", key("h", i)});
  commands.push_back({"HGETALL", key("bh", 0)});
  commands.push_back({"SMEMBERS", key("bs", 0)});
  commands.push_back({"ZRANGE", key("bz", 0), "0", "-1", "WITHSCORES"});
  commands.push_back({"LRANGE", key("bl", 0), "0", "-1"});
  commands.push_back({"XRANGE", key("bx", 0), "-", "+"});
  commands.push_back({"XPENDING", key("bx", 0), kGroup, "-", "+", "10000"});
  auto replies = client.pipeline(commands);
  if (!replies.ok()) return replies.error().message;
  for (size_t i = 0; i < commands.size(); ++i) {
    const resp::Value& reply = (*replies)[i];
    const std::string &name = commands[i][0], &of = commands[i][1];
    if (name == "XPENDING" && reply.is_error()) continue;  // there is no group
    if (reply.is_error()) return of + ": " + reply.text;
    if (name == "GET" && !reply.is_null()) state.strings[of] = reply.text;
    for (size_t j = 0; j < reply.items.size(); ++j) {
      if (name == "LRANGE") {
        state.lists[of].push_back(text_of(reply.items[j]));
      } else if (name == "SMEMBERS") {
        state.hashes[of][text_of(reply.items[j])];
      } else if (name == "XRANGE") {
        state.hashes[of][text_of(reply.items[j].items[0])] = text_of(reply.items[j].items[1].items[1]);
      } else if (name == "XPENDING") {
        state.hashes[of + "/g"][text_of(reply.items[j].items[0])] = text_of(reply.items[j].items[1]);
      } else if (j % 2 == 1) {
        state.hashes[of][text_of(reply.items[j - 1])] = text_of(reply.items[j]);
      }
    }
  }
  return {};
}

std::string Writer::read_back(resp::Client& client) {
  State found;
  if (std::string wrong = read_state(client, found); !wrong.empty()) return wrong;
  const std::vector<std::string> log = found.lists[key("log", 0)];
  if (log.size() < log_before_.size() || !std::equal(log_before_.begin(), log_before_.end(), log.begin()))
    return key("log", 0) + " lost what was there at the last start";
  State state = before_;
  size_t at = 0, behind_last = 0;
  for (Operation& each : operations_) each.found = false;
  for (size_t i = log_before_.size(); i < log.size(); ++i) {
    while (at < operations_.size() && std::to_string(operations_[at].id) != log[i]) ++at;
    if (at == operations_.size()) return key("log", 0) + " holds " + log[i] + " in no order it was sent in";
    if (operations_[at].answer == Answer::kRefused) return log[i] + " was refused and is there";
    operations_[at].found = true;
    for (const auto& words : operations_[at].commands) apply(words, state);
    behind_last = ++at;
  }
  for (size_t i = 0; i < behind_last; ++i) {
    if (operations_[i].answer == Answer::kDone && !operations_[i].found)
      return std::to_string(operations_[i].id) + " was answered and is not there, though later ones are";
  }
  std::erase_if(state.lists, [](const auto& each) { return each.second.empty(); });
  std::erase_if(found.lists, [](const auto& each) { return each.second.empty(); });
  std::erase_if(state.hashes, [](const auto& each) { return each.second.empty(); });
  for (const auto& [name, value] : state.strings) {
    if (found.strings[name] != value)
      return name + " is '" + found.strings[name] + "' instead of '" + value + "'";
  }
  if (found.strings.size() != state.strings.size()) return "a string is there that should not be";
  for (const auto& [name, list] : state.lists) {
    if (found.lists[name] != list) return name + " is another list";
  }
  if (found.lists.size() != state.lists.size()) return "a list is there that should not be";
  for (const auto& [name, members] : state.hashes) {
    if (found.hashes[name] != members) return name + " has other members";
  }
  if (found.hashes.size() != state.hashes.size()) return "a value is there that should not be";
  return {};
}

Writer::Lost Writer::lost() const {
  Lost lost;
  for (const Operation& each : operations_) {
    if (each.answer != Answer::kDone || each.found) continue;
    if (lost.count++ == 0) lost.first = each.answered;
    lost.last = each.answered;
  }
  return lost;
}

MonoTime Writer::last_found_sent() const {
  MonoTime sent{};
  for (const Operation& each : operations_) {
    if (each.found) sent = each.sent;
  }
  return sent;
}

int Writer::missing_before(MonoTime sent) const {
  return static_cast<int>(std::count_if(operations_.begin(), operations_.end(), [&](const Operation& each) {
    return each.answer == Answer::kDone && !each.found && each.answered < sent;
  }));
}

void Writer::settle() {
  for (const Operation& each : operations_) {
    if (!each.found) continue;
    log_before_.push_back(std::to_string(each.id));
    for (const auto& words : each.commands) apply(words, before_);
  }
  operations_.clear();
  unanswered_ = 0;
}

int Writer::acknowledged() const {
  return static_cast<int>(std::count_if(operations_.begin(), operations_.end(),
                                        [](const Operation& each) { return each.answer == Answer::kDone; }));
}

}  // namespace tessera::sim
