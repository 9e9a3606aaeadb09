#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "state/store.h"
#include "tests/model/client.h"
#include "tests/model/job.h"

namespace vigie::model {

// The local disks, which outlive processes and may be lost or found again.
class Disks {
 public:
  Disks();
  static constexpr std::size_t kCount = 4;
  Store& at(std::size_t slot) { return *stores_[slot]; }

  using Copy = std::vector<std::tuple<Space, std::string, std::string>>;
  Copy copy(std::size_t slot) const;
  void replace(std::size_t slot, const Copy& with);

 private:
  std::vector<std::unique_ptr<Store>> stores_;
};

// What happened in one schedule.
struct Played {
  std::vector<std::string> wrong;  // empty: all is as it has to be
  std::vector<std::string> trace;
  std::uint64_t commits = 0;
  std::uint64_t kills = 0;
  std::uint64_t restarts = 0;  // of readers in a process that lived on
  std::uint64_t doubted = 0;   // transactions whose end was not clean
  std::uint64_t rebuilt = 0;   // partitions folded anew where a store was wrong
};

// One run of some workers over one cluster. The seed decides everything: how many they are, what
// fails, when, and who goes on next.
class Schedule {
 public:
  Schedule(std::uint64_t seed, Lies lies, bool tracing);
  Played play();

 private:
  struct Slot {
    std::size_t number = 0;
    std::string name;
    std::shared_ptr<Process> process;
    std::unique_ptr<Job> job;
    bool waits = false;  // to be started
    std::uint64_t lives = 0;
    std::int64_t left = 0;  // of the changelog, as it tells
    Disks::Copy old;
  };

  void choose_faults();
  void feed();
  void disturb();
  void befall(Slot& slot);
  void start_twin(const Slot& slot);
  void start(Slot& slot);
  void start_all();
  void find_a_disk(const Slot& slot);
  void start_later(Slot& slot);
  void ended(Slot& slot, const std::optional<Error>& error);
  void heal();
  bool is_done();
  bool wait_for(const char* what, Micros longest, const std::function<bool()>& done);
  std::string store_trouble();
  void judge();
  void take_over(Slot& slot);
  KafkaOptions kafka_options();
  JobOptions job_options(const Slot& slot, std::shared_ptr<KafkaOwners> owners);
  void run_on(Slot& slot, JobOptions options);
  std::vector<std::int32_t> all_partitions() const;

  World world_;
  Disks disks_;
  const std::int32_t partitions_;
  Cluster cluster_;
  Room room_;
  bool are_static_ = false;
  bool has_twins_ = false;
  bool are_one_ = false;  // threads of one process with one disk
  bool healed_ = false;
  bool judged_ = false;
  Micros length_ = 0;
  std::vector<Slot> slots_;
  Slot twin_;  // another process that says it is one of them
  Played played_;
};

}  // namespace vigie::model
