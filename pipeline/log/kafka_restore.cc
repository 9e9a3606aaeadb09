// Meta : 0x01 'p' topic:u8 partition:u16 -> 0x01 next:i64 written:i64 microseconds
//        0x01 'q' partition:u16          -> KafkaCommit, without rows
#include "pipeline/log/kafka_restore.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "pipeline/core/bytes.h"
#include "pipeline/log/record_format.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBatchRecords = 5'000;
constexpr std::size_t kBatchBytes = std::size_t{8} << 20;
constexpr milliseconds kLookUp{1'000};
// A changelog that brings nothing for so long, although it holds more that is committed, was left
// off by librdkafka (KafkaReader::heed_silence).
constexpr std::chrono::seconds kLongestSilence{60};

std::string applied_key(Topic topic, Partition partition) {
  std::string key{'\x01', 'p', static_cast<char>(topic)};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

std::string commit_key(Partition partition) {
  std::string key{'\x01', 'q'};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

struct Applied {
  Offset next = 0;
  Time written{};
};

Result<std::optional<Applied>> stored_applied(const Store& store, Topic topic,
                                              Partition partition) {
  auto value = store.get(Space::Meta, applied_key(topic, partition));
  if (!value) return std::unexpected(std::move(value.error()));
  if (!*value) return std::nullopt;
  ByteReader in(**value);
  const bool known = in.fixed<char>() == '\x01';
  Applied out;
  out.next = in.fixed<std::int64_t>();
  out.written = Time{std::chrono::microseconds{in.fixed<std::int64_t>()}};
  if (!known || !in.ok() || !in.at_end()) {
    return fail(Code::Corrupt, "kafka: the place in a changelog is damaged");
  }
  return out;
}

// Records of a changelog are small: the 100,000 that librdkafka reads ahead by default are folded
// in a third of a second, and who has read that many fetches nothing for up to a whole one.
Result<KafkaHandle> reader_of_records(KafkaOptions options) {
  options.properties.try_emplace("queued.min.messages", "400000");
  options.properties.try_emplace("queued.max.messages.kbytes", "49152");
  // Half a second by default, and a partition with nothing to read says so only then.
  options.properties.try_emplace("fetch.wait.max.ms", "50");
  return kafka_consumer(options, "restore", "read_committed");
}

}  // namespace

struct KafkaRestore::Impl {
  // One topic of one partition.
  struct Place {
    Offset next = 0;
    Offset oldest = 0;
    Offset end = 0;
    bool done = false;
  };
  // What was read since the last commit record of a partition.
  struct Chain {
    CommitChecksum since;
    std::optional<std::uint64_t> sequence;  // of the last commit record, if nothing is missing
  };

  KafkaOptions options;
  std::shared_ptr<const Changelog> changelog;
  Store& store;
  Guard guard;
  KafkaHandle records;  // reads what is committed
  KafkaHandle ends;     // sees the real end, behind a transaction that is open
  std::map<std::pair<Topic, Partition>, Place> places;
  std::map<Partition, Chain> chains;
  std::map<std::string, Topic> topics;  // by name in Kafka
  std::vector<Partition> partitions;
  std::vector<std::pair<Partition, std::string>> rebuilt;
  bool is_assigned = false;
  std::chrono::steady_clock::time_point heard_at{};  // the last time that something came
  std::uint64_t read = 0;

  StoreBatch batch;
  std::size_t batched = 0;
  std::size_t batched_bytes = 0;

  // Behind the last record that was folded lies the marker of its transaction.
  static bool holds_more(const Place& place) { return place.next + 1 < place.end; }
  Result<void> place(Partition partition);
  Result<void> start_over(Partition partition, std::string why);
  Result<void> assign();
  Result<void> take(const rd_kafka_message_t& message);
  Result<void> fold_commit(Partition partition, std::optional<std::string_view> value);
  Result<std::pair<Offset, Offset>> extent(Topic topic, Partition partition) const;
  bool is_owed() const;
  Result<void> check_ends();
  Result<void> flush();
};

// The end is the real one, behind what is open.
Result<std::pair<Offset, Offset>> KafkaRestore::Impl::extent(Topic topic,
                                                             Partition partition) const {
  return kafka_extent(ends.get(), kafka_topic(options, topic), partition, options.request_timeout);
}

// Where to begin with each topic of a partition.
Result<void> KafkaRestore::Impl::place(Partition partition) {
  std::string trouble;
  std::string gap;
  bool is_new = true;
  std::map<Topic, Place> found;
  for (const Topic topic : changelog->topics) {
    const std::string name = kafka_topic(options, topic);
    const auto asked = extent(topic, partition);
    if (!asked) return std::unexpected(asked.error());
    const auto [oldest, end] = *asked;
    auto applied = stored_applied(store, topic, partition);
    if (!applied) return std::unexpected(std::move(applied.error()));
    Place& place = found[topic];
    place.oldest = oldest;
    place.end = end;
    if (!*applied) {
      if (trouble.empty()) trouble = fmt::format("{} was never folded here", name);
      continue;
    }
    is_new = false;
    place.next = (*applied)->next;
    if (place.next > end) {
      trouble = fmt::format("{} ends at {}, before {}", name, end, place.next);
    } else if (options.wall() - (*applied)->written > kTombstonesKept && holds_more(place)) {
      trouble = fmt::format("{} was last folded at {}", name, format_time((*applied)->written));
    }
    if (place.next + 1 < oldest) {
      gap = fmt::format("{} begins at {}, and was folded to {}", name, oldest, place.next);
    }
  }
  // What lies between may have taken back what the store still holds. Every transaction has a
  // record in the ledger: while that holds no more, the others lost nothing that is not here.
  if (trouble.empty() && !gap.empty() && holds_more(found.at(Topic::Ledger))) trouble = gap;
  if (!trouble.empty()) {
    // A partition that never was here is no trouble; what may lie there is wiped all the same.
    if (auto begun = start_over(partition, is_new ? "" : trouble); !begun) return begun;
    for (auto& [topic, place] : found) place.next = 0;
  } else if (!gap.empty()) {
    for (auto& [topic, place] : found) place.next = std::max(place.next, place.oldest);
  }
  for (const auto& [topic, place] : found) places[{topic, partition}] = place;
  auto commit = stored_commit(store, partition);
  if (!commit) return std::unexpected(std::move(commit.error()));
  if (*commit) chains[partition].sequence = (*commit)->sequence;
  return {};
}

Result<void> KafkaRestore::Impl::start_over(Partition partition, std::string why) {
  if (!why.empty()) {
    spdlog::warn("kafka partition={} state is folded anew: {}", number(partition), why);
    rebuilt.emplace_back(partition, std::move(why));
  }
  chains[partition] = {};
  return guard([&] { return forget_partition(*changelog, partition, store); });
}

Result<void> KafkaRestore::Impl::assign() {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics) names.push_back(name);
  look_up_topics(records.get(), names, kLookUp);
  const KafkaOffsets list(rd_kafka_topic_partition_list_new(static_cast<int>(places.size())));
  for (const auto& [at, place] : places) {
    rd_kafka_topic_partition_list_add(list.get(), kafka_topic(options, at.first).c_str(),
                                      number(at.second))
        ->offset = place.next == 0 ? RD_KAFKA_OFFSET_BEGINNING : place.next;
  }
  if (const auto error = rd_kafka_assign(records.get(), list.get())) {
    return std::unexpected(kafka_error("assign the changelog", error));
  }
  is_assigned = true;
  heard_at = options.steady();
  return {};
}

// Records of an earlier compaction are gone, so the checks hold where nothing is missing between.
Result<void> KafkaRestore::Impl::fold_commit(Partition partition,
                                             std::optional<std::string_view> value) {
  const auto commit = decode_commit(value.value_or(""));
  if (!commit) {
    return fail(
        Code::Corrupt,
        fmt::format("kafka: partition {}: a commit record is damaged or of a newer version; "
                    "run the version that wrote it",
                    number(partition)));
  }
  Chain& chain = chains[partition];
  const bool follows = chain.sequence && commit->sequence == *chain.sequence + 1;
  const bool whole =
      chain.since.records() == commit->records && chain.since.value() == commit->checksum;
  // Fewer records are what compaction leaves; as many of other content are a torn transaction.
  if (follows && !whole && chain.since.records() >= commit->records) {
    return fail(Code::Corrupt,
                fmt::format("kafka: partition {}: commit {} does not fit the records before it",
                            number(partition), commit->sequence));
  }
  chain.sequence = commit->sequence;
  chain.since = {};
  put_commit(batch, partition, *commit);
  for (const auto& [key, row] : commit->rows) batch.put(Space::Meta, key, row);
  return {};
}

Result<void> KafkaRestore::Impl::take(const rd_kafka_message_t& message) {
  const auto topic = topics.find(rd_kafka_topic_name(message.rkt));
  if (topic == topics.end()) return {};
  const Partition partition{message.partition};
  const auto at = places.find({topic->second, partition});
  if (at == places.end()) return {};
  Place& place = at->second;
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    place.next = std::max(place.next, message.offset);
    place.done = place.next >= place.end;
    return {};
  }
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(kafka_error(fmt::format("read {}", topic->first), message.err));
  }
  const std::string_view key(static_cast<const char*>(message.key), message.key_len);
  std::optional<std::string_view> value;
  if (message.payload != nullptr) {
    value = std::string_view(static_cast<const char*>(message.payload), message.len);
  }
  auto known =
      check_format(topic->second, topic->first, partition, message.offset, value.value_or(""));
  if (!known) return known;
  place.next = message.offset + 1;
  place.done = place.next >= place.end;
  ++read;
  Result<void> folded;
  if (topic->second == Topic::Ledger && key == kCommitKey) {
    folded = fold_commit(partition, value);
  } else {
    if (topic->second == Topic::Ledger) chains[partition].since.add(key, value);
    folded = changelog->fold(topic->second, partition, key, value, batch);
  }
  if (!folded) return folded;
  ++batched;
  batched_bytes += message.len + message.key_len;
  return batched >= kBatchRecords || batched_bytes >= kBatchBytes ? flush() : Result<void>();
}

// Whether a place holds more that could be read. False also where no broker tells.
bool KafkaRestore::Impl::is_owed() const {
  return std::ranges::any_of(places, [&](const auto& at) {
    if (at.second.done) return false;
    const auto& [topic, partition] = at.first;
    const auto readable = kafka_extent(records.get(), kafka_topic(options, topic), partition,
                                       options.request_timeout);
    return readable && readable->second > at.second.next;
  });
}

// Every transaction ends with its commit record. Where the end was asked for while one was being
// written, it lies in the middle of it, so what is behind is read on to the end of now: what is
// seen is committed, and then so is the rest.
Result<void> KafkaRestore::Impl::check_ends() {
  for (const auto& [partition, chain] : chains) {
    if (chain.since.records() == 0) continue;
    Place& ledger = places.at({Topic::Ledger, partition});
    const auto now = extent(Topic::Ledger, partition);
    if (!now) return std::unexpected(now.error());
    if (ledger.next < now->second) {
      ledger.end = now->second;
      ledger.done = false;
      continue;
    }
    return fail(
        Code::Corrupt,
        fmt::format("kafka: partition {}: {} records of its ledger follow the last commit: a "
                    "transaction is torn, or an earlier version wrote them; begin with "
                    "another topic_prefix, or restore the topics",
                    number(partition), chain.since.records()));
  }
  return {};
}

// In the middle of a restore the topics stand at different moments: that is right only at its end,
// so where to go on is written with the rows, and what was cut short goes on from there.
Result<void> KafkaRestore::Impl::flush() {
  const Time now = options.wall();
  for (const auto& [at, place] : places) put_applied(batch, at.first, at.second, place.next, now);
  auto written = guard([&] { return store.write(batch, Durability::Buffered); });
  pass_point(options, "kafka.restore.write");
  batch = {};
  batched = 0;
  batched_bytes = 0;
  return written;
}

KafkaRestore::KafkaRestore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaRestore::~KafkaRestore() = default;

Result<std::unique_ptr<KafkaRestore>> KafkaRestore::open(const KafkaOptions& options,
                                                         std::shared_ptr<const Changelog> changelog,
                                                         std::span<const Partition> partitions,
                                                         Store& store, Guard guard) {
  std::unique_ptr<Impl> impl(new Impl{.options = options,
                                      .changelog = std::move(changelog),
                                      .store = store,
                                      .guard = std::move(guard)});
  for (const Topic topic : impl->changelog->topics) {
    impl->topics.emplace(kafka_topic(options, topic), topic);
  }
  impl->partitions.assign(partitions.begin(), partitions.end());
  auto ends = kafka_consumer(options, "restore", "read_uncommitted");
  if (!ends) return std::unexpected(ends.error());
  auto records = reader_of_records(options);
  if (!records) return std::unexpected(records.error());
  impl->ends = std::move(*ends);
  impl->records = std::move(*records);
  for (const Partition partition : partitions) {
    auto placed = impl->place(partition);
    if (!placed) return std::unexpected(placed.error());
  }
  return std::unique_ptr<KafkaRestore>(new KafkaRestore(std::move(impl)));
}

Result<void> KafkaRestore::wipe(Partition partition) {
  auto begun = impl_->start_over(partition, "its commits do not fit the group's offsets");
  if (!begun) return begun;
  // A handle assigns once: see KafkaReader::hold.
  auto records = reader_of_records(impl_->options);
  if (!records) return std::unexpected(records.error());
  impl_->records = std::move(*records);
  impl_->is_assigned = false;
  return impl_->place(partition);
}

Result<bool> KafkaRestore::step(milliseconds slice) {
  Impl& self = *impl_;
  if (!self.is_assigned) {
    // A topic that stands at its end already still says so, once.
    if (auto assigned = self.assign(); !assigned) return std::unexpected(assigned.error());
  }
  const auto deadline = self.options.steady() + slice;
  const auto all_done = [&] {
    return std::ranges::all_of(self.places, [](const auto& at) { return at.second.done; });
  };
  for (auto& [at, place] : self.places) place.done = place.done || place.next >= place.end;
  while (!all_done()) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - self.options.steady());
    if (left.count() <= 0) break;
    rd_kafka_message_t* polled =
        rd_kafka_consumer_poll(self.records.get(), static_cast<int>(left.count()));
    const auto now = self.options.steady();
    if (polled == nullptr) {
      if (now - self.heard_at < kLongestSilence) continue;
      if (!self.is_owed()) {
        self.heard_at = now;
        continue;
      }
      return fail(Code::Unavailable,
                  fmt::format("kafka: the changelog brought nothing for {} s: it "
                              "is read anew",
                              kLongestSilence.count()));
    }
    self.heard_at = now;
    const std::unique_ptr<rd_kafka_message_t, void (*)(rd_kafka_message_t*)> message(
        polled, rd_kafka_message_destroy);
    if (message->rkt == nullptr) {
      return std::unexpected(kafka_error("read the changelog", message->err));
    }
    if (auto taken = self.take(*message); !taken) return std::unexpected(taken.error());
  }
  if (all_done()) {
    if (auto whole = self.check_ends(); !whole) return std::unexpected(whole.error());
  }
  if (self.batched > 0 || all_done()) {
    if (auto flushed = self.flush(); !flushed) return std::unexpected(flushed.error());
  }
  return all_done();
}

KafkaRestore::Progress KafkaRestore::progress() const {
  Progress out;
  out.records = impl_->read;
  for (const auto& [at, place] : impl_->places) {
    out.left += static_cast<std::uint64_t>(std::max<Offset>(0, place.end - place.next));
  }
  return out;
}

const std::vector<std::pair<Partition, std::string>>& KafkaRestore::rebuilt() const {
  return impl_->rebuilt;
}

Result<std::optional<KafkaCommit>> stored_commit(const Store& store, Partition partition) {
  auto value = store.get(Space::Meta, commit_key(partition));
  if (!value) return std::unexpected(std::move(value.error()));
  if (!*value) return std::nullopt;
  auto commit = decode_commit(**value);
  if (!commit) return fail(Code::Corrupt, "kafka: the last commit is damaged");
  return commit;
}

void put_commit(StoreBatch& batch, Partition partition, const KafkaCommit& commit) {
  KafkaCommit kept = commit;
  kept.rows.clear();
  batch.put(Space::Meta, commit_key(partition), encode(kept));
}

void put_applied(StoreBatch& batch, Topic topic, Partition partition, Offset next, Time now) {
  std::string value(1, '\x01');
  put_fixed(value, static_cast<std::int64_t>(next));
  put_fixed(value, static_cast<std::int64_t>(now.time_since_epoch().count()));
  batch.put(Space::Meta, applied_key(topic, partition), value);
}

Result<void> forget_partition(const Changelog& changelog, Partition partition, Store& store) {
  StoreBatch batch;
  auto wiped = changelog.wipe(partition, store, batch);
  if (!wiped) return wiped;
  batch.erase(Space::Meta, commit_key(partition));
  for (const Topic topic : changelog.topics) {
    batch.erase(Space::Meta, applied_key(topic, partition));
  }
  return store.write(batch, Durability::Buffered);
}

Result<std::map<Topic, Offset>> applied_places(const Changelog& changelog, Partition partition,
                                               const Store& store) {
  std::map<Topic, Offset> places;
  for (const Topic topic : changelog.topics) {
    auto applied = stored_applied(store, topic, partition);
    if (!applied) return std::unexpected(std::move(applied.error()));
    if (*applied) places[topic] = (*applied)->next;
  }
  return places;
}

Result<bool> is_stale(const Changelog& changelog, Partition partition, const Store& store,
                      Time now) {
  for (const Topic topic : changelog.topics) {
    auto applied = stored_applied(store, topic, partition);
    if (!applied) return std::unexpected(std::move(applied.error()));
    if (*applied) return now - (*applied)->written > kTombstonesKept;
  }
  return false;
}

}  // namespace vigie
