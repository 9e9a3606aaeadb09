#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/log/event_log.h"
#include "pipeline/log/kafka_handle.h"
#include "pipeline/log/kafka_owners.h"
#include "pipeline/log/kafka_producer.h"
#include "pipeline/log/kafka_restore.h"
#include "pipeline/log/kafka_transactor.h"
#include "pipeline/log/merge.h"

typedef struct rd_kafka_message_s rd_kafka_message_t;  // NOLINT(readability-identifier-naming)

namespace vigie {

// Reads a topic of Kafka. One thread, and that of the rebalance callback is the same: librdkafka
// calls it inside poll and stay. The producer and the store outlive the reader.
//
// A poll in which partitions were dealt anew returns nothing and forgets what was polled and not
// committed; each partition then goes on from its committed offset.
//
// With a changelog, records of different partitions come in the order of their record time, as far
// as brokers answer: what waits for the state of another mention depends on how far stream time is.
class KafkaReader : public LogReader {
 public:
  struct Source {
    Topic topic = Topic::Mentions;
    std::int32_t partitions = 0;
    std::string instance;        // static member of the group; empty: anonymous
    std::string transaction_id;  // of a reader with a changelog: the same at every start
    // Of the readers with a changelog of this group in this process, and which of them this is.
    std::shared_ptr<KafkaOwners> owners = std::make_shared<KafkaOwners>();
    int slot = 0;
  };
  static Result<std::unique_ptr<KafkaReader>> open(const KafkaOptions& options, Source source,
                                                   ReadOptions read, KafkaProducer& producer,
                                                   Store& store);
  ~KafkaReader() override;

  Result<std::span<const LogRecord>> poll(std::size_t max, std::chrono::milliseconds wait) override;
  Result<void> commit(Effects effects) override;
  Result<bool> stay() override;
  std::vector<Partition> partitions() const override;
  bool is_settled() const override { return is_settled_; }
  std::pair<Offset, Offset> position(Partition partition) const override;
  Result<std::map<Partition, Offset>> ends() override;

  // Called by librdkafka inside poll, stay and close.
  void on_rebalance(int event, const rd_kafka_topic_partition_list_t* partitions);

 private:
  struct FreeMessage {
    void operator()(rd_kafka_message_t* message) const;
  };
  using Message = std::unique_ptr<rd_kafka_message_t, FreeMessage>;
  struct Place {
    Offset next = 0;
    Offset end = 0;
    Offset committed = 0;
    Offset behind = 0;   // past the last record and what marks the end of transactions
    Offset polled = 0;   // past the last record that was handed out
    Time ended{};        // when its end was last reached
    Offset fetched = 0;  // past the last record or end that came, also of what was not polled yet
    // Since when nothing came although all that had come was polled.
    std::optional<std::chrono::steady_clock::time_point> silent_since{};
    Offset owed = 0;          // where it ended when that was asked in a silence
    bool is_suspect = false;  // it owes something, and the broker answers

    void heard(Offset behind_it) {
      fetched = std::max(fetched, behind_it);
      silent_since.reset();
      owed = 0;
      is_suspect = false;
    }
  };
  static Place place_at(Offset next, Offset end) {
    return {.next = next, .end = end, .committed = next};
  }
  // Of a reader with a changelog, since its partitions were dealt.
  struct Once {
    std::optional<std::map<Partition, Offset>> in_group;
    std::unique_ptr<KafkaRestore> restore;         // while they are brought up to date
    std::map<Partition, std::uint64_t> sequences;  // of the last commit of each
    std::map<Partition, std::map<Topic, Offset>> applied;
    std::map<Partition, int> tries;  // to make sense of a state that lacks something
  };

  KafkaReader(const KafkaOptions& options, Source source, ReadOptions read, KafkaProducer& producer,
              Store& store);
  Result<void> connect();
  Result<void> join();
  Result<void> bind_store();
  Result<void> settle(std::chrono::milliseconds wait);
  bool look_for_the_end();
  void hold();
  void move_places();
  Result<bool> restore(std::chrono::milliseconds wait);
  Result<bool> prepare_restore();
  bool is_soon() const;
  Result<std::unique_ptr<KafkaRestore>> open_restore();
  Result<void> restore_again(bool anew, Partition partition);
  Result<void> drop_stale();
  Error why_it_failed(Error error);
  Result<std::optional<Offset>> start_of_state(Partition partition, std::optional<Offset> in_group);
  Result<void> commit_once(Effects effects);
  Result<void> write_owned(std::span<const std::pair<Partition, KafkaCommit>> commits,
                           StoreBatch& state);
  void tell_left(std::uint64_t records, std::uint64_t left);
  void tell_rebuilt() const;
  std::vector<Record> with_commits(Effects& effects,
                                   std::vector<std::pair<Partition, KafkaCommit>>& commits) const;
  Result<void> settle_at_once();
  Result<void> forget_if_stale();
  Result<void> keep_fresh();
  Result<std::map<Partition, Offset>> group_offsets(std::chrono::milliseconds wait);
  Result<Place> start_of(Partition partition, std::optional<Offset> in_group,
                         std::chrono::milliseconds wait);
  Result<void> assign();
  Result<void> take(Message message);
  Result<void> check(const rd_kafka_message_t& message);
  void add(Message message);
  bool add_in_order();
  void begin_merge();
  Result<void> out_of_range(Partition partition);
  Result<void> heed_silence();
  std::optional<Offset> ask_for_end(Partition partition);
  std::string offset_key(Partition partition) const;
  std::string whole_key() const;
  std::string place_name(Partition partition) const;
  void tell_group(const std::vector<std::pair<Partition, Offset>>& next);
  void tell_group_and_wait();

  const KafkaOptions options_;
  const Source source_;
  const ReadOptions read_;
  const std::string topic_;
  KafkaProducer& producer_;
  Store& store_;
  KafkaHandle handle_;
  KafkaHandle ends_;   // sees what is not committed yet; made when it is first asked
  KafkaHandle watch_;  // asks in a silence; made at the first
  // Of a reader with a changelog; ends before the group is left.
  std::unique_ptr<KafkaTransactor> transactor_;
  Once once_;
  std::uint64_t left_ = 0;  // of the changelog, as the observer knows it
  std::chrono::steady_clock::time_point dropped_at_{};

  bool is_member_ = false;                       // of its group, if it has one
  std::map<Partition, Place> places_;            // what is read now
  std::optional<std::vector<Partition>> dealt_;  // given to us, where to start not yet known
  std::chrono::steady_clock::time_point dealt_at_{};
  bool is_settled_ = false;  // what was dealt last is read
  bool rebalanced_ = false;  // in this poll
  // Of a reader with `wipe`: when its rows last lacked nothing but what is still to be read.
  Time whole_at_{};
  std::chrono::steady_clock::time_point look_at_{};  // whether that can be said of now
  std::map<Partition, Offset> told_;                 // to the group, without waiting for its answer
  std::optional<Error> broken_;
  Merge<Message> merge_;  // of a reader with a changelog: what was fetched and is not yet due
  std::optional<std::chrono::steady_clock::time_point> held_since_;  // one of its partitions lags
  std::vector<Message> messages_;  // keep what the last poll returned
  std::vector<LogRecord> records_;
  std::size_t bytes_ = 0;
};

}  // namespace vigie
