#include "tests/model/job.h"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/log/kafka_reader.h"
#include "tests/model/client.h"

namespace vigie::model {
namespace {

using std::chrono::milliseconds;

constexpr Micros kRestartPause = kSecond;
constexpr milliseconds kPoll{500};

std::string row_key(Partition partition, std::string_view key) {
  return fmt::format("\x01{:04}{}", number(partition), key);
}

std::string total_key(Partition partition) {
  return fmt::format("\x02{:04}", number(partition));
}

}  // namespace

std::shared_ptr<const Changelog> job_changelog() {
  auto changelog = std::make_shared<Changelog>();
  changelog->topics = {Topic::Ledger, Topic::Counters};
  changelog->fold = [](Topic topic, Partition partition, std::string_view key,
                       std::optional<std::string_view> value, StoreBatch& batch) -> Result<void> {
    const std::string row = topic == Topic::Ledger ? row_key(partition, key) : total_key(partition);
    if (!value) return fail(Code::Corrupt, "no value");
    batch.put(Space::Counters, row, *value);
    return {};
  };
  changelog->wipe = [](Partition partition, const Store&, StoreBatch& batch) -> Result<void> {
    const std::string begin = row_key(partition, "");
    batch.erase_range(Space::Counters, begin, prefix_end(begin));
    batch.erase(Space::Counters, total_key(partition));
    return {};
  };
  return changelog;
}

Counts counts_in(const Store& store, const std::vector<std::int32_t>& partitions) {
  Counts out;
  for (const std::int32_t i : partitions) {
    const std::string begin = row_key(Partition{i}, "");
    std::ignore = store.scan(Space::Counters, begin, prefix_end(begin), [&](auto key, auto value) {
      out.by_key.emplace(key.substr(1), value);
      return true;
    });
    if (const auto total = store.get(Space::Counters, total_key(Partition{i})); total && *total) {
      out.by_partition.emplace(i, **total);
    }
  }
  return out;
}

std::vector<std::int32_t> Job::partitions() const {
  std::vector<std::int32_t> out;
  if (reader_ == nullptr) return out;
  for (const Partition partition : reader_->partitions()) out.push_back(number(partition));
  return out;
}

std::optional<Error> Job::run() {
  while (!leaves_) {
    const Result<void> ended = work();
    reader_ = nullptr;
    if (ended) break;
    world_.trace(
        [&] { return fmt::format("{}: {}", world_.current()->name(), ended.error().message); });
    if (ended.error().code != Code::Unavailable) return ended.error();
    ++restarts_;
    world_.pass(kRestartPause);
  }
  return std::nullopt;
}

Result<void> Job::work() {
  auto producer = KafkaProducer::open(options_.kafka);
  if (!producer) return std::unexpected(producer.error());
  auto opened = KafkaReader::open(
      options_.kafka,
      {.topic = Topic::Mentions,
       .partitions = options_.partitions,
       .instance = options_.instance,
       .transaction_id = options_.transaction_id,
       .owners = options_.owners,
       .slot = options_.slot},
      {.group = "workers", .shared = true, .changelog = job_changelog()}, **producer, store_);
  if (!opened) return std::unexpected(opened.error());
  // As one does that folds something else before it joins the group.
  if (world_.dice.chance(0.3)) {
    world_.pass(world_.dice.between(1, 12'000) * kMilli);
  }
  LogReader& reader = **opened;
  reader_ = &reader;
  std::vector<std::int32_t> before;
  while (!leaves_) {
    const auto most = static_cast<std::size_t>(world_.dice.between(1, 20));
    auto polled = reader.poll(most, kPoll);
    if (!polled) return std::unexpected(polled.error());
    const std::vector<std::int32_t> now = partitions();
    const bool fresh = now != before && !now.empty();
    before = now;
    if (!now.empty() && world_.dice.chance(fresh ? 0.3 : 0.05)) {
      const auto which = world_.dice.between(0, static_cast<std::int64_t>(now.size()) - 1);
      auto said = say_again(reader, Partition{now[static_cast<std::size_t>(which)]});
      if (!said) return said;
    }
    // Some batches become two commits.
    std::size_t begin = 0;
    while (begin < polled->size()) {
      std::size_t size = polled->size() - begin;
      if (size > 1 && world_.dice.chance(0.2)) size /= 2;
      if (auto counted = count(reader, polled->subspan(begin, size)); !counted) return counted;
      begin += size;
      if (begin == polled->size()) break;
      auto stays = reader.stay();
      if (!stays) return std::unexpected(stays.error());
      if (!*stays) break;
    }
  }
  return {};
}

// Between what was polled and its commit lies the work, and with it the best moment to be late.
void Job::fold() const {
  const Faults& faults = room().faults;
  if (world_.dice.chance(10 * faults.freeze)) {
    world_.freeze(*world_.current(), world_.dice.wide(kSecond, faults.longest_freeze));
  }
  world_.pass(world_.dice.between(0, 5 * kMilli));
}

Result<void> Job::count(LogReader& reader, std::span<const LogRecord> records) {
  Effects effects;
  std::map<std::pair<Partition, std::string>, std::uint64_t> counts;
  std::map<Partition, std::uint64_t> totals;
  std::map<Partition, Offset> next;
  const auto stored = [&](const std::string& key) -> Result<std::uint64_t> {
    auto row = store_.get(Space::Counters, key);
    if (!row) return std::unexpected(row.error());
    return *row ? std::stoull(**row) : 0;
  };
  for (const LogRecord& record : records) {
    const Partition partition = record.partition;
    auto [count, first] = counts.try_emplace({partition, std::string(record.key)}, 0);
    auto [total, first_here] = totals.try_emplace(partition, 0);
    if (first) {
      auto row = stored(row_key(partition, record.key));
      if (!row) return std::unexpected(row.error());
      count->second = *row;
    }
    if (first_here) {
      auto row = stored(total_key(partition));
      if (!row) return std::unexpected(row.error());
      total->second = *row;
    }
    ++count->second;
    ++total->second;
    effects.outputs.push_back(
        {Topic::Tagged, partition, std::string(record.value.value_or("")), "t"});
    next[partition] = record.offset + 1;
  }
  for (const auto& [at, value] : counts) {
    const std::string text = fmt::to_string(value);
    effects.outputs.push_back({Topic::Ledger, at.first, at.second, text});
    effects.state.put(Space::Counters, row_key(at.first, at.second), text);
  }
  for (const auto& [partition, value] : totals) {
    const std::string text = fmt::to_string(value);
    effects.outputs.push_back({Topic::Counters, partition, "all", text});
    effects.state.put(Space::Counters, total_key(partition), text);
  }
  for (const auto& [partition, offset] : next) {
    effects.next.emplace_back(partition, offset);
    effects.marks.push_back({partition, {}, "rules", {}});
  }
  fold();
  auto committed = reader.commit(std::move(effects));
  if (committed) ++commits_;
  return committed;
}

// As an erasure that is done again when a partition comes: it changes state and reads nothing.
Result<void> Job::say_again(LogReader& reader, Partition partition) {
  auto row = store_.get(Space::Counters, total_key(partition));
  if (!row) return std::unexpected(row.error());
  if (!*row) return {};
  Effects effects;
  effects.outputs.push_back({Topic::Counters, partition, "all", **row});
  effects.state.put(Space::Counters, total_key(partition), **row);
  effects.marks.push_back({partition, {}, "rules", {}});
  fold();
  return reader.commit(std::move(effects));
}

}  // namespace vigie::model
