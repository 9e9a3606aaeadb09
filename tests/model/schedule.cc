#include "tests/model/schedule.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "tests/model/verdict.h"

namespace vigie::model {
namespace {

const std::string kPrefix = "v.";
constexpr Micros kSession = 6 * kSecond;
constexpr Micros kLongestFreeze = 30 * kSecond;
// What has failed must be over by then: a session, a transaction's time-out, a scan for it, and the
// pauses between tries.
constexpr Micros kLongestQuiet = 600 * kSecond;

// A process does not come up before the last request of the one before it has arrived.
constexpr Micros kShortestPause = 10 * kMilli;
// The longest that a worker polls, with something to spare.
constexpr Micros kSettles = 2 * kSecond;

Result<void> fill(Store& store, const Disks::Copy& with) {
  StoreBatch batch;
  const std::string end(16, '\xff');
  for (std::size_t i = 0; i < kSpaces; ++i) batch.erase_range(static_cast<Space>(i), "", end);
  for (const auto& [space, key, value] : with) batch.put(space, key, value);
  return store.write(batch, Durability::Buffered);
}

}  // namespace

Disks::Disks() {
  for (std::size_t i = 0; i < kCount; ++i) {
    auto opened = Store::open({}, {});
    if (!opened) std::abort();
    stores_.push_back(std::move(*opened));
  }
}

Disks::Copy Disks::copy(std::size_t slot) const {
  Copy out;
  for (std::size_t i = 0; i < kSpaces; ++i) {
    const auto space = static_cast<Space>(i);
    std::ignore = stores_[slot]->scan(space, "", "", [&](auto key, auto value) {
      out.emplace_back(space, key, value);
      return true;
    });
  }
  return out;
}

void Disks::replace(std::size_t slot, const Copy& with) {
  if (!fill(*stores_[slot], with)) std::abort();
}

Schedule::Schedule(std::uint64_t seed, Lies lies, bool tracing)
    : world_(seed),
      partitions_(static_cast<std::int32_t>(world_.dice.between(1, 3))),
      cluster_(world_, partitions_, kSession, lies),
      room_{.world = world_, .cluster = cluster_, .faults = {}} {
  world_.tracing = tracing;
  set_room(&room_);
  are_static_ = world_.dice.chance(0.7);
  has_twins_ = world_.dice.chance(0.3);
  are_one_ = !has_twins_ && world_.dice.chance(0.3);
  length_ = world_.dice.between(10, 40) * kSecond;
  const auto count = static_cast<std::size_t>(world_.dice.between(1, 3));
  for (std::size_t i = 0; i < count; ++i) {
    Slot& slot = slots_.emplace_back();
    slot.number = are_one_ ? 0 : i;
    slot.name = fmt::format("w{}", i);
  }
  twin_.number = Disks::kCount - 1;
  choose_faults();
}

// Not everything fails in every schedule, or nothing would ever get far.
void Schedule::choose_faults() {
  Dice& dice = world_.dice;
  Faults& faults = room_.faults;
  const auto maybe = [&](double most) {
    return dice.chance(0.5) ? most * static_cast<double>(dice.between(1, 10)) / 10 : 0.0;
  };
  faults.kill = maybe(0.004);
  faults.freeze = maybe(0.002);
  faults.longest_freeze = kLongestFreeze;
  faults.stall = maybe(0.001);
  faults.longest_stall = dice.chance(0.2) ? 350 * kSecond : 10 * kSecond;
  faults.lost = maybe(0.02);
  faults.answer_lost = maybe(0.02);
  faults.late = maybe(0.03);
  faults.latest = dice.wide(100 * kMilli, 20 * kSecond);
  faults.slow = maybe(0.02);
  faults.silent = maybe(0.01);
  faults.deaf = maybe(0.1);
  faults.grumble = maybe(0.002);
  cluster_.weather.slow_marker = maybe(0.5);
  cluster_.weather.slowest_marker = dice.wide(10 * kMilli, 5 * kSecond);
}

KafkaOptions Schedule::kafka_options() {
  KafkaOptions options;
  options.bootstrap = "model";
  options.topic_prefix = kPrefix;
  options.session_timeout = std::chrono::milliseconds{kSession / kMilli};
  options.steady = [this] {
    return std::chrono::steady_clock::time_point(std::chrono::microseconds{world_.now()});
  };
  // Now and then a machine comes up with the clock of another day.
  std::chrono::hours wall{24 * 365 * 50};
  if (world_.dice.chance(0.1)) wall += std::chrono::hours{world_.dice.between(-30, 30)};
  options.wall = [this, wall] { return Time{wall + std::chrono::microseconds{world_.now()}}; };
  options.observer.doubted = [this] { ++played_.doubted; };
  options.observer.rebuilt = [this] { ++played_.rebuilt; };
  return options;
}

std::vector<std::int32_t> Schedule::all_partitions() const {
  std::vector<std::int32_t> all;
  for (std::int32_t i = 0; i < partitions_; ++i) all.push_back(i);
  return all;
}

void Schedule::feed() {
  const auto records = world_.dice.between(10, 60);
  for (std::int64_t i = 0; i < records; ++i) {
    world_.after(world_.dice.between(0, length_), [this, i] {
      const auto partition = static_cast<std::int32_t>(world_.dice.between(0, partitions_ - 1));
      const std::string key(1, static_cast<char>('a' + world_.dice.between(0, 4)));
      cluster_.log({kPrefix + "mentions", partition})
          .append(key, fmt::format("{}", i), world_.now());
      world_.stir();
    });
  }
}

void Schedule::find_a_disk(const Slot& slot) {
  const auto disk = world_.dice.between(0, 9);
  if (slot.lives == 0 || disk >= 4) return;
  world_.trace([&] {
    return fmt::format("{} {}", slot.name, disk < 2 ? "lost its disk" : "has an old disk");
  });
  disks_.replace(slot.number, disk < 2 ? Disks::Copy() : slot.old);
}

void Schedule::start(Slot& slot) {
  slot.waits = false;
  find_a_disk(slot);
  ++slot.lives;
  run_on(slot, job_options(slot, std::make_shared<KafkaOwners>()));
}

void Schedule::start_all() {
  if (!are_one_) {
    for (Slot& slot : slots_) start(slot);
    return;
  }
  find_a_disk(slots_.front());
  const auto owners = std::make_shared<KafkaOwners>();
  std::vector<std::shared_ptr<Process>> threads;
  for (Slot& slot : slots_) {
    slot.waits = false;
    ++slot.lives;
    run_on(slot, job_options(slot, owners));
    threads.push_back(slot.process);
  }
  World::bind(threads);
}

// The same name on another machine: the newer one throws the older one out.
void Schedule::start_twin(const Slot& slot) {
  if (!are_static_ || (twin_.process && !twin_.process->ended())) return;
  world_.trace([&] { return fmt::format("{} gets a twin", slot.name); });
  twin_.name = slot.name + "-twin";
  ++twin_.lives;
  run_on(twin_, job_options(slot, std::make_shared<KafkaOwners>()));
}

JobOptions Schedule::job_options(const Slot& slot, std::shared_ptr<KafkaOwners> owners) {
  JobOptions options;
  options.kafka = kafka_options();
  options.partitions = partitions_;
  options.owners = std::move(owners);
  options.slot = static_cast<int>(&slot - slots_.data());
  options.instance = are_static_ ? slot.name : "";
  options.transaction_id = are_static_ ? slot.name : fmt::format("{}-{}", slot.name, slot.lives);
  return options;
}

void Schedule::run_on(Slot& slot, JobOptions options) {
  slot.left = 0;
  options.kafka.observer.restoring = [&slot](std::uint64_t, std::int64_t left) {
    slot.left += left;
  };
  slot.job = std::make_unique<Job>(world_, std::move(options), disks_.at(slot.number));
  slot.process = world_.start(fmt::format("{}.{}", slot.name, slot.lives), [this, &slot] {
    const auto error = slot.job->run();
    ended(slot, error);
  });
}

void Schedule::start_later(Slot& slot) {
  slot.waits = true;
  const Micros pause = healed_ ? kSecond : world_.dice.wide(kShortestPause, 15 * kSecond);
  if (!are_one_) {
    world_.after(pause, [this, &slot] { start(slot); });
  } else if (std::ranges::all_of(slots_, &Slot::waits)) {
    world_.after(pause, [this] { start_all(); });
  }
}

// By itself. What was killed is found by who looks after the slots.
void Schedule::ended(Slot& slot, const std::optional<Error>& error) {
  if (!error) return;
  // One of two with the same name has to go.
  if (error->code == Code::Denied && twin_.lives > 0) return;
  world_.trace([&] { return fmt::format("{} gives up: {}", slot.name, error->message); });
  played_.wrong.push_back(fmt::format("{} gave up: {}", slot.name, error->message));
}

// What befalls workers and brokers from outside, and who starts them again.
void Schedule::disturb() {
  world_.after(world_.dice.wide(50 * kMilli, 4 * kSecond), [this] {
    for (Slot& slot : slots_) {
      if (judged_ || slot.waits || !slot.process->ended()) continue;
      if (!slot.process->alive()) ++played_.kills;
      played_.commits += slot.job->commits();
      played_.restarts += slot.job->restarts();
      start_later(slot);
    }
    if (!healed_) {
      const auto which = world_.dice.between(0, static_cast<std::int64_t>(slots_.size()) - 1);
      befall(slots_[static_cast<std::size_t>(which)]);
    }
    if (!judged_) disturb();
  });
}

void Schedule::befall(Slot& slot) {
  Dice& dice = world_.dice;
  switch (dice.between(0, 11)) {
    case 0:
      world_.kill(*slot.process);
      break;
    case 1:
      world_.freeze(*slot.process, dice.wide(10 * kMilli, kLongestFreeze));
      break;
    case 2:
      for (Slot& one : slots_) {
        if (are_one_ || &one == &slot) one.job->leave();
      }
      break;
    case 3:
      cluster_.move_coordinator(dice.wide(10 * kMilli, 5 * kSecond));
      break;
    case 7:
      cluster_.move_group(dice.wide(10 * kMilli, 8 * kSecond));
      break;
    case 4:
      (are_one_ ? slots_.front() : slot).old = disks_.copy(slot.number);
      break;
    case 5: {
      const char* topic = dice.chance(0.5) ? "ledger" : "counters";
      const auto partition = static_cast<std::int32_t>(dice.between(0, partitions_ - 1));
      PartitionLog& log = cluster_.log({kPrefix + topic, partition});
      log.compact(dice.between(0, log.end()));
      world_.trace([&] { return fmt::format("{}/{} is compacted", topic, partition); });
      break;
    }
    case 6:
      if (has_twins_) start_twin(slot);
      break;
    default:
      break;
  }
}

void Schedule::heal() {
  world_.trace([] { return std::string("no more faults"); });
  healed_ = true;
  room_.faults = {};
  cluster_.weather = {};
  if (twin_.process) world_.kill(*twin_.process);
}

bool Schedule::is_done() {
  if (cluster_.group.pending() || !cluster_.quiet()) return false;
  const auto& committed = cluster_.group.committed();
  std::size_t owned = 0;
  for (const Slot& slot : slots_) {
    // Who comes back late may still do harm.
    if (slot.process->ended() || slot.process->frozen_until() > world_.now()) return false;
    owned += slot.job->partitions().size();
  }
  if (owned != static_cast<std::size_t>(partitions_)) return false;
  return std::ranges::all_of(all_partitions(), [&](std::int32_t i) {
    const std::int64_t end = cluster_.log({kPrefix + "mentions", i}).end();
    const auto at = committed.find(i);
    return end == 0 || (at != committed.end() && at->second == end);
  });
}

bool Schedule::wait_for(const char* what, Micros longest, const std::function<bool()>& done) {
  const auto ready = [&] { return !played_.wrong.empty() || done(); };
  if (world_.run(world_.now() + longest, ready)) return played_.wrong.empty();
  played_.wrong.push_back(fmt::format("stuck: {} did not come within {} s, after {} steps", what,
                                      longest / kSecond, world_.steps()));
  return false;
}

Played Schedule::play() {
  cluster_.watch_timeouts();
  feed();
  start_all();
  disturb();
  world_.run(length_, [&] { return !played_.wrong.empty(); });
  if (played_.wrong.empty()) {
    heal();
    // The log is done before the last worker has written what it knows.
    do {
      if (!wait_for("the end of the input", kLongestQuiet, [&] { return is_done(); })) break;
      world_.run(world_.now() + kSettles, [] { return false; });
    } while (!is_done());
    if (played_.wrong.empty()) judge();
  }
  for (Slot& slot : slots_) {
    played_.commits += slot.job->commits();
    played_.restarts += slot.job->restarts();
  }
  played_.trace = std::move(world_.notes);
  return std::move(played_);
}

// What the workers' own stores lack of the partitions that they have.
std::string Schedule::store_trouble() {
  std::string out;
  const Counts expected = recount(cluster_, kPrefix, partitions_);
  for (const Slot& slot : slots_) {
    if (slot.process->ended()) continue;
    const std::vector<std::int32_t> mine = slot.job->partitions();
    const Counts found = counts_in(disks_.at(slot.number), mine);
    Counts wanted;
    for (const std::int32_t i : mine) {
      const std::string begin = fmt::format("{:04}", i);
      for (const auto& [key, value] : expected.by_key) {
        if (key.starts_with(begin)) wanted.by_key.emplace(key, value);
      }
      const auto total = expected.by_partition.find(i);
      if (total != expected.by_partition.end()) wanted.by_partition.insert(*total);
    }
    if (found != wanted) out += fmt::format("{} has{} ", slot.name, difference(found, wanted));
    if (slot.left != 0) out += fmt::format("{} tells of {} records left ", slot.name, slot.left);
  }
  return out;
}

void Schedule::judge() {
  played_.wrong = faults_of(cluster_, kPrefix, partitions_);
  if (!played_.wrong.empty()) return;
  // A worker that has lost its partitions may be the last to know.
  if (!wait_for("the same in all stores", kLongestQuiet, [&] { return store_trouble().empty(); })) {
    played_.wrong.push_back(store_trouble());
    return;
  }
  judged_ = true;
  for (Slot& slot : slots_) slot.job->leave();
  const auto all_ended = [&] {
    return std::ranges::all_of(slots_, [](const Slot& slot) { return slot.process->ended(); });
  };
  if (!wait_for("the end of the workers", kLongestQuiet, all_ended)) return;
  const auto which = world_.dice.between(0, static_cast<std::int64_t>(slots_.size()) - 1);
  take_over(slots_[static_cast<std::size_t>(which)]);
}

// Whatever a store has been through, alone it comes to know everything.
void Schedule::take_over(Slot& slot) {
  world_.run(world_.now() + kShortestPause, [] { return false; });
  world_.trace([&] { return fmt::format("{} takes over", slot.name); });
  start(slot);
  const bool has_all = wait_for("a worker with all partitions", kLongestQuiet, [&] {
    return slot.job->partitions().size() == static_cast<std::size_t>(partitions_);
  });
  if (!has_all) return;
  const Counts expected = recount(cluster_, kPrefix, partitions_);
  const Counts found = counts_in(disks_.at(slot.number), all_partitions());
  if (found == expected) return;
  played_.wrong.push_back(slot.name + " takes over and has" + difference(found, expected));
}

}  // namespace vigie::model
