// Which record says what, when an embedded installation becomes one with Kafka.
//
// State goes as the rows of the workers' changelog, items as snapshots; of the cuts go those that
// no detector has judged. A partition of the embedded log is the same partition in Kafka.
#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/cli/export.h"
#include "pipeline/log/kafka_commit.h"
#include "pipeline/log/merge.h"
#include "pipeline/run/alerting.h"
#include "pipeline/run/changelog.h"
#include "pipeline/run/cut_builder.h"
#include "pipeline/run/handover.h"
#include "pipeline/run/records.h"
#include "state/author_rows.h"
#include "state/author_sets.h"
#include "state/conversation_record.h"
#include "state/counter_key.h"
#include "state/cut.h"
#include "state/ledger.h"
#include "state/queues.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

constexpr std::size_t kBatchRecords = 20'000;
constexpr std::size_t kBatchBytes = std::size_t{8} << 20;
constexpr std::size_t kPoll = 2'000;
// What is this near its end could be deleted before it is compared.
constexpr std::chrono::hours kNearEnd{1};
// So much of other partitions waits for the next mention of one.
constexpr std::size_t kMostMerged = std::size_t{32} << 20;
// The stamps of all that waits: the shortest retention is an hour, and it is to be read first.
constexpr std::chrono::microseconds kLongestWait = std::chrono::minutes{10};

class Fill {
 public:
  Fill(ExportSource& source, EventLog& target, const KafkaOptions& options, const AtPoint& at_point,
       const Tell& tell, Exported& exported)
      : source_(source),
        target_(target),
        options_(options),
        at_point_(at_point),
        tell_(tell),
        exported_(exported) {}

  Result<void> run();

 private:
  using Visit = std::function<Result<void>(std::string_view key, std::string_view value)>;
  using Take = std::function<Result<void>(const LogRecord& record)>;

  Result<void> put(Record record);
  Result<void> put_anyway(Record record);
  Result<void> flush();
  static Result<void> each(const Store& store, Space space, const std::string& prefix,
                           const Visit& visit);
  Result<void> read(Topic topic, const std::string& group, const Take& take);
  Result<void> copy(Topic topic);
  Result<Time> written(Topic topic, Partition partition, Offset offset);

  Result<void> state_of(Partition partition);
  Result<void> counters_of_partition(Partition partition);
  Result<void> authors();
  Result<void> items();
  Result<void> alerts();
  Result<void> cuts();
  Result<void> counted_mentions();
  Result<void> waiting_mentions();
  Result<void> commits();
  Result<void> cursors();

  ExportSource& source_;
  EventLog& target_;
  const KafkaOptions& options_;
  const AtPoint& at_point_;
  const Tell& tell_;
  Exported& exported_;

  const Time now_ = system_clock()();
  std::string_view what_;
  std::vector<Record> batch_;
  std::size_t bytes_ = 0;
  std::uint64_t total_ = 0;
  std::map<TopicPartition, std::vector<std::pair<Offset, Time>>> ages_;
  std::map<Partition, CommitChecksum> ledgers_;
  std::map<Partition, Offset> counted_;  // up to where the worker has read, in the embedded log
};

std::chrono::hours retention_of(const KafkaOptions& options, Topic topic) {
  return topic == Topic::Mentions ? options.mentions_retention : info(topic).retention;
}

Result<void> Fill::put(Record record) {
  const bool ages = record.written != Time{} && retention_of(options_, record.topic).count() != 0;
  if (ages && record.written + retention_of(options_, record.topic) < now_ + kNearEnd) {
    ++exported_.expired[record.topic];
    return {};
  }
  return put_anyway(std::move(record));
}

Result<void> Fill::put_anyway(Record record) {
  ++exported_.records[{record.topic, record.partition}];
  bytes_ += record.key.size() + (record.value ? record.value->size() : 0);
  batch_.push_back(std::move(record));
  if (batch_.size() < kBatchRecords && bytes_ < kBatchBytes) return {};
  return flush();
}

Result<void> Fill::flush() {
  if (batch_.empty()) return {};
  total_ += batch_.size();
  auto appended = target_.append(std::exchange(batch_, {}));
  bytes_ = 0;
  if (at_point_) at_point_("export.batch");
  tell_(what_, total_);
  return appended;
}

Result<void> Fill::each(const Store& store, Space space, const std::string& prefix,
                        const Visit& visit) {
  Result<void> result;
  auto scanned = store.scan(space, prefix, prefix_end(prefix),
                            [&](std::string_view key, std::string_view value) {
                              result = visit(key, value);
                              return result.has_value();
                            });
  return scanned ? result : scanned;
}

// What a group has not read; of a group that never was everything.
Result<void> Fill::read(Topic topic, const std::string& group, const Take& take) {
  auto reader = source_.log->read(topic, {.group = group}, *source_.store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  while (true) {
    auto polled = (*reader)->poll(kPoll, std::chrono::milliseconds{0});
    if (!polled) return std::unexpected(std::move(polled.error()));
    if (polled->empty()) return {};
    for (const LogRecord& record : *polled) {
      auto taken = take(record);
      if (!taken) return taken;
    }
  }
}

Result<Time> Fill::written(Topic topic, Partition partition, Offset offset) {
  const auto [at, fresh] = ages_.try_emplace({topic, partition});
  if (fresh) {
    auto found = source_.log->ages(topic, partition);
    if (!found) return std::unexpected(std::move(found.error()));
    at->second = std::move(*found);
  }
  const auto next =
      std::ranges::upper_bound(at->second, offset, {}, &std::pair<Offset, Time>::first);
  return next == at->second.end() ? Time{} : next->second;
}

// Tombstones go without saying where nothing was before.
Result<void> Fill::copy(Topic topic) {
  what_ = info(topic).name;
  return read(topic, "export", [&](const LogRecord& from) -> Result<void> {
    if (!from.value) return {};
    auto at = written(topic, from.partition, from.offset);
    if (!at) return std::unexpected(std::move(at.error()));
    Record record;
    record.topic = topic;
    record.key = from.key;
    record.partition =
        info(topic).with_mentions ? from.partition : partition_for(target_, topic, record.key);
    record.value.emplace(*from.value);
    record.written = *at;
    return put(std::move(record));
  });
}

Result<void> Fill::state_of(Partition partition) {
  what_ = "ledger";
  CommitChecksum& ledger = ledgers_[partition];
  return each(*source_.store, Space::Ledger, ledger_of(partition),
              [&](std::string_view key, std::string_view value) {
                ledger.add(key, value);
                return put({Topic::Ledger, partition, std::string(key), std::string(value)});
              });
}

Result<void> Fill::counters_of_partition(Partition partition) {
  what_ = "counters";
  auto done = each(*source_.store, Space::Counters, counters_of(partition),
                   [&](std::string_view key, std::string_view value) -> Result<void> {
                     const auto counter = parse_counter_key(key);
                     if (!counter) return fail(Code::Corrupt, "counters: a stored key is damaged");
                     const bool is_long =
                         is_kept_long(counter->series.dimension, counter->granularity);
                     return put({is_long ? Topic::CountersLong : Topic::Counters, partition,
                                 std::string(key), std::string(value)});
                   });
  if (!done) return done;
  return each(*source_.store, Space::Authors, author_sets_of(partition),
              [&](std::string_view key, std::string_view value) -> Result<void> {
                const auto set = AuthorSet::decode(value);
                if (!set) return fail(Code::Corrupt, "authors: a stored set is damaged");
                for (AuthorSetRecord& told : records_of(key, *set)) {
                  auto put_one =
                      put({Topic::Counters, partition, std::move(told.key), std::move(told.value)});
                  if (!put_one) return put_one;
                }
                return {};
              });
}

Result<void> Fill::authors() {
  what_ = "authors";
  const std::string first_seen = first_seen_rows();
  auto done = each(*source_.store, Space::Authors, first_seen,
                   [&](std::string_view key, std::string_view value) -> Result<void> {
                     const auto at = parse_first_seen(value);
                     if (!at) return std::unexpected(at.error());
                     key.remove_prefix(first_seen.size());
                     Record record;
                     record.topic = Topic::Authors;
                     record.key =
                         hex(reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
                     record.partition = partition_for(target_, record.topic, record.key);
                     record.value = first_seen_json(*at);
                     return put(std::move(record));
                   });
  // Whom somebody hid or erased.
  for (const std::string& prefix : {hidden_rows(), erased_rows()}) {
    if (!done) return done;
    done = each(*source_.store, Space::Authors, prefix,
                [&](std::string_view key, std::string_view value) {
                  const Authors::Row row{std::string(key), std::string(value)};
                  Result<void> told;
                  for (Record& record : author_records(target_, {&row, 1})) {
                    if (told) told = put(std::move(record));
                  }
                  return told;
                });
  }
  if (!done) return done;
  // The proofs of erasures.
  return read(Topic::Authors, "export", [&](const LogRecord& from) -> Result<void> {
    if (!from.value || parse_first_seen(from.key, from.value)) return {};
    Record record;
    record.topic = Topic::Authors;
    record.key = from.key;
    record.partition = partition_for(target_, record.topic, record.key);
    record.value.emplace(*from.value);
    return put(std::move(record));
  });
}

Result<void> Fill::items() {
  what_ = "conversations";
  auto queues = Queues::open(*source_.items);
  if (!queues) return std::unexpected(std::move(queues.error()));
  ConversationRecord snapshot;
  snapshot.type = ConversationRecord::Type::Snapshot;
  snapshot.seen_at = (*queues)->newest_record();
  const std::string clocks = queues_key("");
  return each(*source_.items, Space::Queues, clocks,
              [&](std::string_view key, std::string_view value) {
                if (key == clocks) return Result<void>();
                snapshot.conversation = key.substr(clocks.size());
                snapshot.item = value;
                Record record;
                record.topic = Topic::Conversations;
                record.key = snapshot.conversation;
                record.partition = partition_for(target_, record.topic, record.key);
                append_json(record.value.emplace(), snapshot);
                return put(std::move(record));
              });
}

Result<void> Fill::alerts() {
  what_ = "alerts";
  auto done = copy(Topic::Alerts);
  if (!done) return done;
  auto saved = source_.store->get(Space::Meta, kDetectorState);
  if (!saved) return std::unexpected(std::move(saved.error()));
  if (!*saved) return {};
  for (Record& record : detector_records(target_, **saved)) {
    done = put(std::move(record));
    if (!done) return done;
  }
  return {};
}

// Where no cut is left to be judged, one without values says how far the partition is.
Result<void> Fill::cuts() {
  what_ = "cuts";
  std::map<Partition, bool> any;
  auto done = read(Topic::Counters, "alerts", [&](const LogRecord& from) -> Result<void> {
    if (!is_cut_key(from.key) || !from.value) return {};
    any[from.partition] = true;
    return put({Topic::Counters, from.partition, std::string(from.key), std::string(*from.value)});
  });
  for (std::int32_t i = 0; done && i < source_.partitions(); ++i) {
    const Partition partition{i};
    if (any[partition]) continue;
    auto stored = source_.store->get(Space::Meta, cut_state_key(partition));
    if (!stored) return std::unexpected(std::move(stored.error()));
    const auto minute = *stored ? parse_cut_state(**stored) : std::nullopt;
    if (!minute) continue;
    for (CutRecord& part : cut_records({.partition = partition, .minute = *minute})) {
      done = put({Topic::Counters, partition, std::move(part.key), std::move(part.json)});
      if (!done) return done;
    }
  }
  return done;
}

Result<void> Fill::counted_mentions() {
  what_ = "mentions";
  auto worker = source_.log->read(Topic::Mentions, {.group = "worker"}, *source_.store);
  if (!worker) return std::unexpected(std::move(worker.error()));
  for (const Partition partition : (*worker)->partitions()) {
    counted_[partition] = (*worker)->position(partition).first;
  }
  auto done = read(Topic::Mentions, "export", [&](const LogRecord& from) -> Result<void> {
    if (from.offset >= counted_[from.partition]) return {};
    auto at = written(Topic::Mentions, from.partition, from.offset);
    if (!at) return std::unexpected(std::move(at.error()));
    Record record{Topic::Mentions, from.partition, std::string(from.key), std::nullopt, *at};
    if (from.value) record.value.emplace(*from.value);
    return put(std::move(record));
  });
  for (const auto& [partition, offset] : counted_) {
    const TopicPartition place{Topic::Mentions, partition};
    exported_.next[partition] =
        exported_.begins.at(place) + static_cast<Offset>(exported_.records[place]);
  }
  return done;
}

std::optional<Time> seen_at_of(simdjson::dom::parser& parser, std::string_view mention) {
  std::string_view text;
  if (parser.parse(simdjson::padded_string(mention))["seen_at"].get(text)) return std::nullopt;
  return parse_time(text);
}

// By record time over all partitions, and stamped so that workers read them in that order. None is
// stamped as old, however many there are, since none may be deleted before it is read.
Result<void> Fill::waiting_mentions() {
  Merge<Record> merge;
  std::map<Partition, std::int64_t> newest;
  simdjson::dom::parser parser;
  auto reader = source_.log->read(Topic::Mentions, {.group = "worker"}, *source_.store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  Offset left = 0;
  for (const Partition partition : (*reader)->partitions()) {
    const auto [next, end] = (*reader)->position(partition);
    left += end - next;
    merge.expect(partition);
  }
  const auto span =
      std::min<std::chrono::microseconds>(std::chrono::milliseconds{left}, kLongestWait);
  for (bool ended = false; !ended;) {
    auto polled = (*reader)->poll(kPoll, std::chrono::milliseconds{0});
    if (!polled) return std::unexpected(std::move(polled.error()));
    ended = polled->empty();
    for (const LogRecord& from : *polled) {
      Record record{Topic::Mentions, from.partition, std::string(from.key), std::nullopt};
      if (from.value) record.value.emplace(*from.value);
      std::int64_t& time = newest[from.partition];
      const auto seen_at = seen_at_of(parser, from.value.value_or(""));
      if (seen_at) time = std::max<std::int64_t>(time, seen_at->time_since_epoch().count());
      merge.push(from.partition, time, from.key.size() + from.value.value_or("").size(),
                 std::move(record));
    }
    while (auto record = merge.pop(ended || merge.bytes() > kMostMerged)) {
      const auto place = static_cast<std::int64_t>(++exported_.waiting);
      record->written = now_ - span + span * place / left;
      auto done = put_anyway(std::move(*record));
      if (!done) return done;
    }
  }
  return {};
}

// The last record of each partition of the ledger.
Result<void> Fill::commits() {
  what_ = "commits";
  for (std::int32_t i = 0; i < source_.partitions(); ++i) {
    const Partition partition{i};
    KafkaCommit commit;
    commit.next = exported_.next.at(partition);
    commit.sequence = 1;
    commit.records = ledgers_[partition].records();
    commit.checksum = ledgers_[partition].value();
    for (const std::string& key : {stream_time_key(partition), cut_state_key(partition)}) {
      auto row = source_.store->get(Space::Meta, key);
      if (!row) return std::unexpected(std::move(row.error()));
      if (*row) commit.rows.emplace_back(key, **row);
      const auto time = *row ? parse_stream_time(**row) : std::nullopt;
      if (key == stream_time_key(partition) && time) commit.stream_time = *time;
    }
    auto done = put({Topic::Ledger, partition, std::string(kCommitKey), encode(commit)});
    if (!done) return done;
  }
  return flush();
}

Result<void> Fill::cursors() {
  return copy(Topic::Cursors);
}

Result<void> Fill::run() {
  for (std::int32_t i = 0; i < source_.partitions(); ++i) {
    auto done = state_of(Partition{i});
    if (done) done = counters_of_partition(Partition{i});
    if (!done) return done;
  }
  auto done = authors();
  for (const Topic topic :
       {Topic::Tagged, Topic::QueueSocial, Topic::QueueCommunity, Topic::Deadletter}) {
    if (done) done = copy(topic);
  }
  for (const auto step : {&Fill::items, &Fill::alerts, &Fill::cuts, &Fill::counted_mentions,
                          &Fill::waiting_mentions, &Fill::commits, &Fill::cursors, &Fill::flush}) {
    if (done) done = (this->*step)();
  }
  return done;
}

}  // namespace

std::uint64_t Exported::records_of(Topic topic) const {
  std::uint64_t sum = 0;
  for (const auto& [place, count] : records) {
    if (place.first == topic) sum += count;
  }
  return sum;
}

Result<void> fill_topics(ExportSource& source, EventLog& target, const KafkaOptions& options,
                         const AtPoint& at_point, const Tell& tell, Exported& exported) {
  return Fill(source, target, options, at_point, tell, exported).run();
}

}  // namespace vigie
