#include "pipeline/log/kafka_log.h"

#include <mutex>
#include <random>
#include <set>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "pipeline/log/kafka_handle.h"
#include "pipeline/log/kafka_latest.h"
#include "pipeline/log/kafka_owners.h"
#include "pipeline/log/kafka_producer.h"
#include "pipeline/log/kafka_reader.h"
#include "pipeline/log/kafka_topics.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

// An answer from a broker counts for this long, and a question waits no longer for one.
constexpr std::chrono::seconds kAnswerCounts{5};
constexpr milliseconds kHealthWait{2'000};

// The numbers of a group's readers in this process: a reader that is opened again after a restart
// gets the name it had, and with it its partitions.
class Slots {
 public:
  int take(const std::string& group) {
    const std::lock_guard lock(mutex_);
    std::set<int>& taken = taken_[group];
    int slot = 0;
    while (taken.contains(slot)) ++slot;
    taken.insert(slot);
    return slot;
  }
  void give_back(const std::string& group, int slot) {
    const std::lock_guard lock(mutex_);
    taken_[group].erase(slot);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::set<int>> taken_;
};

class SlotHold {
 public:
  SlotHold(Slots& slots, std::string group)
      : slots_(slots), group_(std::move(group)), slot_(slots.take(group_)) {}
  ~SlotHold() { slots_.give_back(group_, slot_); }
  SlotHold(const SlotHold&) = delete;
  SlotHold& operator=(const SlotHold&) = delete;
  int slot() const { return slot_; }

 private:
  Slots& slots_;
  std::string group_;
  int slot_;
};

// A member of a group. Its slot is free again only after it has left.
class SharedReader : public LogReader {
 public:
  SharedReader(std::unique_ptr<SlotHold> hold, std::unique_ptr<KafkaReader> reader)
      : hold_(std::move(hold)), reader_(std::move(reader)) {}
  Result<std::span<const LogRecord>> poll(std::size_t max, milliseconds wait) override {
    return reader_->poll(max, wait);
  }
  Result<void> commit(Effects effects) override { return reader_->commit(std::move(effects)); }
  Result<bool> stay() override { return reader_->stay(); }
  std::vector<Partition> partitions() const override { return reader_->partitions(); }
  bool is_settled() const override { return reader_->is_settled(); }
  std::pair<Offset, Offset> position(Partition partition) const override {
    return reader_->position(partition);
  }
  Result<std::map<Partition, Offset>> ends() override { return reader_->ends(); }

 private:
  std::unique_ptr<SlotHold> hold_;
  std::unique_ptr<KafkaReader> reader_;  // ends first
};

class OpenKafkaLog : public EventLog {
 public:
  OpenKafkaLog(KafkaOptions options, std::unique_ptr<KafkaProducer> producer,
               std::map<Topic, std::int32_t> partitions)
      : options_(std::move(options)),
        producer_(std::move(producer)),
        partitions_(std::move(partitions)),
        latest_(options_) {}

  std::int32_t partitions(Topic topic) const override { return partitions_.at(topic); }

  Result<void> append(std::vector<Record> records) override { return producer_->send(records); }

  Result<Offset> append_one(Record record) override {
    Offset offset = -1;
    const auto sent = producer_->send({&record, 1}, &offset);
    if (!sent) return std::unexpected(sent.error());
    return offset;
  }

  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override;

  Result<std::optional<std::string>> latest(Topic topic, std::string_view key) override {
    return latest_.get(topic, partition_for(*this, topic, key), key);
  }

  Result<void> healthy() override;

 private:
  const KafkaOptions options_;
  const std::unique_ptr<KafkaProducer> producer_;
  const std::map<Topic, std::int32_t> partitions_;
  KafkaLatest latest_;
  Slots slots_;
  // Of the one group with a changelog, whose readers share a store.
  const std::shared_ptr<KafkaOwners> owners_ = std::make_shared<KafkaOwners>();
  // Of this process alone: in containers all have the same number.
  const std::uint64_t anonymous_ =
      std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  std::mutex mutex_;  // guards what follows
  SteadyClock::time_point answered_ = SteadyClock::now();
};

Result<std::unique_ptr<LogReader>> OpenKafkaLog::read(Topic topic, ReadOptions options,
                                                      Store& store) {
  KafkaReader::Source source{topic, partitions(topic), {}};
  if (!options.shared) {
    return KafkaReader::open(options_, std::move(source), std::move(options), *producer_, store);
  }
  auto hold = std::make_unique<SlotHold>(slots_, options.group);
  if (!options_.instance_id.empty()) {
    source.instance = fmt::format("{}-{}", options_.instance_id, hold->slot());
  }
  source.slot = hold->slot();
  if (options.changelog) {
    source.owners = owners_;
    // Without a name of its own a process that died leaves its transaction to the broker's timer.
    source.transaction_id =
        fmt::format("{}{}-{}", options_.topic_prefix, options.group,
                    source.instance.empty() ? fmt::format("{:016x}-{}", anonymous_, hold->slot())
                                            : source.instance);
  }
  auto reader =
      KafkaReader::open(options_, std::move(source), std::move(options), *producer_, store);
  if (!reader) return std::unexpected(reader.error());
  return std::make_unique<SharedReader>(std::move(hold), std::move(*reader));
}

Result<void> OpenKafkaLog::healthy() {
  if (auto delivered = producer_->healthy(); !delivered) return delivered;
  {
    const std::lock_guard lock(mutex_);
    if (SteadyClock::now() - answered_ < kAnswerCounts) return {};
  }
  const auto handle = producer_->handle();
  if (handle == nullptr) return fail(Code::Unavailable, "kafka: no producer");
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto error =
      rd_kafka_metadata(handle.get(), 0, nullptr, &metadata, static_cast<int>(kHealthWait.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Error out = producer_->explain(
        kafka_error(fmt::format("no answer from {}", options_.bootstrap), error));
    out.code = Code::Unavailable;
    return std::unexpected(std::move(out));
  }
  rd_kafka_metadata_destroy(metadata);
  const std::lock_guard lock(mutex_);
  answered_ = SteadyClock::now();
  return {};
}

}  // namespace

Result<std::unique_ptr<EventLog>> KafkaLog::open(KafkaOptions options) {
  if (options.bootstrap.empty()) return fail(Code::Invalid, "kafka: `bootstrap` is empty");
  if (options.partitions < 1) return fail(Code::Invalid, "kafka: `partitions` must be at least 1");
  auto producer = KafkaProducer::open(options);
  if (!producer) return std::unexpected(producer.error());
  if (auto reached = (*producer)->reach(); !reached) return std::unexpected(reached.error());
  const auto handle = (*producer)->handle();
  if (handle == nullptr) return fail(Code::Unavailable, "kafka: no producer");
  auto partitions = prepare_topics(handle.get(), options);
  if (!partitions) return std::unexpected((*producer)->explain(partitions.error()));
  return std::make_unique<OpenKafkaLog>(std::move(options), std::move(*producer),
                                        std::move(*partitions));
}

namespace {

// Asks a broker with a producer that writes nothing.
template <class Ask>
auto ask_broker(const KafkaOptions& options, const Ask& ask) -> decltype(ask(nullptr)) {
  if (options.bootstrap.empty()) return fail(Code::Invalid, "kafka: `bootstrap` is empty");
  auto producer = KafkaProducer::open(options);
  if (!producer) return std::unexpected(producer.error());
  if (auto reached = (*producer)->reach(); !reached) return std::unexpected(reached.error());
  const auto handle = (*producer)->handle();
  if (handle == nullptr) return fail(Code::Unavailable, "kafka: no producer");
  auto answer = ask(handle.get());
  if (!answer) return std::unexpected((*producer)->explain(answer.error()));
  return answer;
}

}  // namespace

Result<std::vector<TopicExtent>> topic_extents(const KafkaOptions& options,
                                               std::span<const Topic> topics,
                                               std::int32_t partitions) {
  // Also what is not committed yet stands there.
  auto handle = kafka_consumer(options, "ends", "read_uncommitted");
  if (!handle) return std::unexpected(std::move(handle.error()));
  std::vector<TopicExtent> out;
  for (const Topic topic : topics) {
    const std::string name = kafka_topic(options, topic);
    for (std::int32_t i = 0; i < partitions; ++i) {
      const auto extent = await_extent(handle->get(), options, name, Partition{i});
      if (!extent) return std::unexpected(extent.error());
      out.push_back({.topic = topic,
                     .partition = Partition{i},
                     .oldest = extent->first,
                     .end = extent->second});
    }
  }
  return out;
}

Result<std::size_t> group_members(const KafkaOptions& options, std::string_view group) {
  return ask_broker(options, [&](rd_kafka_t* handle) -> Result<std::size_t> {
    const std::string name = options.topic_prefix + std::string(group);
    const rd_kafka_group_list* found = nullptr;
    const auto error = rd_kafka_list_groups(handle, name.c_str(), &found,
                                            static_cast<int>(options.request_timeout.count()));
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(kafka_error(fmt::format("members of group {}", name), error));
    }
    const std::unique_ptr<const rd_kafka_group_list, decltype(&rd_kafka_group_list_destroy)> owner(
        found, rd_kafka_group_list_destroy);
    std::size_t members = 0;
    for (int i = 0; i < found->group_cnt; ++i) {
      members += static_cast<std::size_t>(found->groups[i].member_cnt);
    }
    return members;
  });
}

Result<std::vector<TopicPlan>> plan_topics(const KafkaOptions& options) {
  return ask_broker(options, [&](rd_kafka_t* handle) { return plan_topics(handle, options); });
}

Result<void> apply_topics(const KafkaOptions& options, const std::vector<TopicPlan>& plans) {
  return ask_broker(options,
                    [&](rd_kafka_t* handle) { return apply_topics(handle, options, plans); });
}

}  // namespace vigie
