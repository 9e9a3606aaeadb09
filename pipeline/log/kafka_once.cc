// How a reader with a changelog commits exactly once, and where it goes on.
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "pipeline/log/kafka_reader.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

// How long one poll goes on with a restore, before the group is looked after again.
constexpr milliseconds kRestoreSlice{500};
constexpr milliseconds kGroupQuestion{1'000};
// A broker ends the transaction of an owner that is gone within twice its time-out; so long what
// depends on it may be unknown.
constexpr milliseconds kOpenTransaction{30'000};
// What was dealt away stays for a while, since it often comes back.
constexpr std::chrono::minutes kLookForStale{30};

}  // namespace

// What is dealt is answered at once, so that the group sees a steady member, and fetched once its
// state is there. Until then nothing is assigned: a partition that is assigned anew while the
// client still asks where it ends may never be fetched again, or abort the process
// (librdkafka 2.0.2).
void KafkaReader::hold() {
  const KafkaOffsets nothing(rd_kafka_topic_partition_list_new(0));
  rd_kafka_assign(handle_.get(), nothing.get());
}

bool KafkaReader::is_soon() const {
  return options_.steady() - dealt_at_ < kOpenTransaction;
}

// True when the state of every dealt partition stands at the end of its changelog. What a broker
// cannot tell yet is asked again in the next poll, for a while.
Result<bool> KafkaReader::restore(milliseconds wait) {
  // Keeps the membership and sees partitions dealt anew; what is held brings no records.
  const Message message(rd_kafka_consumer_poll(handle_.get(), 0));
  if (look_for_the_end()) return std::unexpected(*broken_);
  if (!dealt_) return false;
  auto prepared = prepare_restore();
  if (!prepared && prepared.error().code == Code::Unavailable && is_soon()) return false;
  if (!prepared || !*prepared) return prepared;
  const std::uint64_t before = once_.restore->progress().records;
  auto done = once_.restore->step(std::clamp(wait, milliseconds{50}, kRestoreSlice));
  const auto progress = once_.restore->progress();
  tell_left(progress.records - before, progress.left);
  if (!done && done.error().code == Code::Corrupt) broken_ = done.error();
  if (!done || !*done) return done;
  pass_point(options_, "kafka.restore.end");
  spdlog::info("kafka topic={} partitions={} changelog_records={} rebuilt={}", topic_,
               dealt_->size(), progress.records, once_.restore->rebuilt().size());
  once_.restore.reset();
  for (const Partition partition : *dealt_) {
    auto applied = applied_places(*read_.changelog, partition, store_);
    if (!applied) return std::unexpected(std::move(applied.error()));
    once_.applied[partition] = std::move(*applied);
  }
  if (auto dropped = drop_stale(); !dropped) return std::unexpected(dropped.error());
  return true;
}

// In this order: an earlier owner of the name has ended with its transaction, since this one was
// opened; then the group tells its offsets, once nothing is pending; and only then the ends of the
// changelog are read, which hold what those offsets stand for.
Result<bool> KafkaReader::prepare_restore() {
  if (!once_.in_group) {
    auto found = group_offsets(kGroupQuestion);
    if (!found) return std::unexpected(found.error());
    once_.in_group = std::move(*found);
  }
  // Who had them before in this process may still write what it committed.
  if (!source_.owners->at_rest(*dealt_)) return false;
  if (!once_.restore) {
    pass_point(options_, "kafka.restore.begin");
    auto opened = open_restore();
    if (!opened) return std::unexpected(opened.error());
    once_.restore = std::move(*opened);
    if (options_.observer.dealt) options_.observer.dealt(dealt_->size());
    tell_rebuilt();
  }
  return true;
}

void KafkaReader::tell_left(std::uint64_t records, std::uint64_t left) {
  const auto change = static_cast<std::int64_t>(left - std::exchange(left_, left));
  if (options_.observer.restoring && (records > 0 || change != 0)) {
    options_.observer.restoring(records, change);
  }
}

void KafkaReader::tell_rebuilt() const {
  if (!options_.observer.rebuilt) return;
  for (std::size_t i = 0; i < once_.restore->rebuilt().size(); ++i) options_.observer.rebuilt();
}

// Another worker of this process may be dealt the partitions meanwhile, and writes then.
Result<std::unique_ptr<KafkaRestore>> KafkaReader::open_restore() {
  return KafkaRestore::open(options_, read_.changelog, *dealt_, store_,
                            [this, dealt = *dealt_](const std::function<Result<void>()>& write) {
                              return source_.owners->write(source_.slot, dealt, write);
                            });
}

Result<void> KafkaReader::restore_again(bool anew, Partition partition) {
  auto opened = open_restore();
  if (!opened) return std::unexpected(opened.error());
  once_.restore = std::move(*opened);
  if (anew) {
    if (auto begun = once_.restore->wipe(partition); !begun) return begun;
  }
  tell_rebuilt();
  return {};
}

// The changelog goes on where its last commit does, and the group was told in the same transaction.
// When the group knows more, the state lacks something: it is read on once, then folded anew.
Result<std::optional<Offset>> KafkaReader::start_of_state(Partition partition,
                                                          std::optional<Offset> in_group) {
  auto commit = stored_commit(store_, partition);
  if (!commit) return std::unexpected(std::move(commit.error()));
  const std::optional<Offset> next = *commit ? std::optional((*commit)->next) : std::nullopt;
  if (!in_group || (next && *in_group <= *next)) {
    if (*commit) once_.sequences[partition] = (*commit)->sequence;
    return next;
  }
  const int tries = once_.tries[partition]++;
  if (tries < 2) {
    if (auto again = restore_again(tries == 1, partition); !again) {
      return std::unexpected(again.error());
    }
    return in_group;
  }
  return fail(Code::Corrupt,
              fmt::format("kafka: {}: the group has read to {}, and the changelog says {}: its "
                          "topics lost records, were made anew, or are of a version that did not "
                          "write commits; restore them, or begin with another topic_prefix",
                          place_name(partition), *in_group,
                          next ? fmt::to_string(*next) : std::string("nothing")));
}

// State that would be folded anew if it came back: it may hold what was erased elsewhere.
Result<void> KafkaReader::drop_stale() {
  dropped_at_ = options_.steady();
  const std::vector<Partition> mine = dealt_ ? *dealt_ : partitions();
  for (std::int32_t i = 0; i < source_.partitions; ++i) {
    const Partition partition{i};
    if (std::ranges::find(mine, partition) != mine.end()) continue;
    const auto stale = is_stale(*read_.changelog, partition, store_, options_.wall());
    if (!stale) return std::unexpected(stale.error());
    if (!*stale) continue;
    auto gone = source_.owners->write_unowned(partition, [&]() -> Result<void> {
      spdlog::info("kafka topic={} partition={} dropped: dealt away for long", topic_, i);
      return forget_partition(*read_.changelog, partition, store_);
    });
    if (!gone) return gone;
  }
  return {};
}

// The outputs, and behind those of each partition its commit record.
std::vector<Record> KafkaReader::with_commits(
    Effects& effects, std::vector<std::pair<Partition, KafkaCommit>>& commits) const {
  std::map<Partition, CommitChecksum> sums;
  for (const Record& record : effects.outputs) {
    if (record.topic == Topic::Ledger) sums[record.partition].add(record.key, record.value);
  }
  std::vector<Record> records = std::move(effects.outputs);
  for (Effects::Mark& mark : effects.marks) {
    KafkaCommit commit;
    const auto next =
        std::ranges::find(effects.next, mark.partition, &std::pair<Partition, Offset>::first);
    // What causes no progress, such as an erasure that is done again, stays where it is.
    commit.next = next != effects.next.end() ? next->second : places_.at(mark.partition).committed;
    const auto known = once_.sequences.find(mark.partition);
    commit.sequence = known == once_.sequences.end() ? 1 : known->second + 1;
    commit.records = sums[mark.partition].records();
    commit.checksum = sums[mark.partition].value();
    commit.stream_time = mark.stream_time;
    commit.rules = std::move(mark.rules);
    commit.rows = std::move(mark.rows);
    Record& record = records.emplace_back();
    record.topic = Topic::Ledger;
    record.partition = mark.partition;
    record.key = std::string(kCommitKey);
    record.value = encode(commit);
    commits.emplace_back(mark.partition, std::move(commit));
  }
  return records;
}

// What is fetched meanwhile waits for its turn; an error that lasts comes again in the next poll.
Result<bool> KafkaReader::stay() {
  if (broken_) return std::unexpected(*broken_);
  if (!read_.changelog) return true;
  rebalanced_ = false;
  Message message(rd_kafka_consumer_poll(handle_.get(), 0));
  if (rebalanced_) return false;
  if (message == nullptr) return true;
  const auto taken = take(std::move(message));
  if (!taken && broken_) return std::unexpected(*broken_);
  return true;
}

// A transaction is refused to a name that another has taken over; the group tells whether that
// other is a twin, within a heartbeat.
Error KafkaReader::why_it_failed(Error error) {
  const auto deadline = options_.steady() + options_.session_timeout / 2;
  while (transactor_->fenced() && options_.steady() < deadline) {
    const Message message(rd_kafka_consumer_poll(handle_.get(), 100));
    if (look_for_the_end()) return *broken_;
  }
  // Whether it became true is not known, so the next owner of the name reads it from the log. The
  // group calls a member fenced that has only lost its session, too: that passes.
  const bool is_lasting = error.code == Code::Invalid || error.code == Code::Denied;
  if (!is_lasting || transactor_->fenced()) error.code = Code::Unavailable;
  return error;
}

// Another worker of this process may have been dealt the partition since, and write what came
// later.
Result<void> KafkaReader::write_owned(std::span<const std::pair<Partition, KafkaCommit>> commits,
                                      StoreBatch& state) {
  std::vector<Partition> partitions;
  for (const auto& [partition, commit] : commits) partitions.push_back(partition);
  return source_.owners->write(source_.slot, partitions,
                               [&] { return store_.write(state, Durability::Buffered); });
}

// One transaction, then one write of the store. Between the two lies no harm: the store learns of
// the transaction from the changelog.
Result<void> KafkaReader::commit_once(Effects effects) {
  std::vector<std::pair<Partition, KafkaCommit>> commits;
  std::vector<Record> records = with_commits(effects, commits);
  // The group refuses the offsets of who lost a partition, and with them its transaction: so what
  // changes a partition always has one, also where that does not move.
  std::map<Partition, Offset> going(effects.next.begin(), effects.next.end());
  for (const auto& [partition, commit] : commits) going.try_emplace(partition, commit.next);
  const KafkaOffsets offsets = kafka_offsets(topic_, {going.begin(), going.end()});
  auto outcome = transactor_->commit(records, offsets.get(), handle_.get());
  if (!outcome) {
    broken_ = why_it_failed(outcome.error());
    // Before the records go, which the producer may still hold.
    transactor_.reset();
    if (options_.observer.doubted) options_.observer.doubted();
    return std::unexpected(*broken_);
  }
  // The store makes a copy of the state; both at once would be the most memory of all.
  std::vector<Record>().swap(records);
  pass_point(options_, "kafka.end.after");
  if (options_.observer.committed) options_.observer.committed(outcome->took);
  for (const auto& [place, next] : outcome->next) {
    const auto& topics = read_.changelog->topics;
    if (std::ranges::find(topics, place.first) == topics.end()) continue;
    once_.applied[place.second][place.first] = next;
  }
  // Also of topics that got nothing: their owner knows that nothing is missed.
  const Time now = options_.wall();
  for (const auto& [partition, commit] : commits) {
    for (const auto& [topic, next] : once_.applied[partition]) {
      put_applied(effects.state, topic, partition, next, now);
    }
    put_commit(effects.state, partition, commit);
    once_.sequences[partition] = commit.sequence;
    places_.at(partition).committed = commit.next;
  }
  if (auto written = write_owned(commits, effects.state); !written) {
    broken_ = written.error();
    return written;
  }
  if (!outcome->clean) {
    transactor_.reset();
    if (options_.observer.doubted) options_.observer.doubted();
    broken_ = Error{Code::Unavailable,
                    fmt::format("kafka: a commit took {} ms or lost a broker: verified anew",
                                outcome->took.count()),
                    {}};
    return {};
  }
  if (options_.steady() - dropped_at_ > kLookForStale) return drop_stale();
  return {};
}

}  // namespace vigie
