#include "pipeline/log/kafka_transactor.h"

#include <atomic>
#include <optional>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

namespace vigie {
namespace {

using std::chrono::milliseconds;

// A broker ends a transaction of an owner that is gone after this; readers wait so long.
constexpr milliseconds kTransactionTimeout{10'000};
constexpr milliseconds kCallTimeout{15'000};
// A call that takes longer is made again, and goes on with what the one before began.
constexpr milliseconds kSlice{1'000};
// An end that takes longer may have been sent twice.
constexpr milliseconds kQuick{1'000};
constexpr milliseconds kFullTurn{20};

struct FreeError {
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
};
using KafkaError = std::unique_ptr<rd_kafka_error_t, FreeError>;

}  // namespace

struct KafkaTransactor::Impl {
  KafkaOptions options;
  std::string id;
  KafkaHandle handle;
  std::vector<std::string> topics;  // by Topic
  // Of the transaction that is open.
  std::map<Place, Offset> written;
  std::optional<Error> refused;
  // A broker went away: a request may have been sent again on another connection.
  std::atomic<bool> disturbed{false};
  bool fenced = false;

  static void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
  static void disturb(rd_kafka_t* handle, int error, const char* reason, void* opaque);
  Result<void> produce(const Record& record);
  // Makes a call of librdkafka until it ends, one way or the other.
  template <class Call>
  KafkaError insist(const Call& call) const;
  Error error_of(std::string_view what, const KafkaError& error);
};

void KafkaTransactor::Impl::delivered(rd_kafka_t*, const rd_kafka_message_t* message,
                                      void* opaque) {
  auto& self = *static_cast<Impl*>(opaque);
  // The topic's name is what came with the record.
  const auto topic = static_cast<const std::string*>(message->_private) - self.topics.data();
  const Place place{static_cast<Topic>(topic), Partition{message->partition}};
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (!self.refused) {
      const std::string_view key(static_cast<const char*>(message->key), message->key_len);
      self.refused = kafka_error(fmt::format("produce to {}/{} key `{}`",
                                             self.topics[static_cast<std::size_t>(place.first)],
                                             message->partition, printable_key(key)),
                                 message->err);
    }
    return;
  }
  Offset& next = self.written[place];
  next = std::max(next, message->offset + 1);
}

void KafkaTransactor::Impl::disturb(rd_kafka_t*, int, const char*, void* opaque) {
  static_cast<Impl*>(opaque)->disturbed = true;
}

template <class Call>
KafkaError KafkaTransactor::Impl::insist(const Call& call) const {
  const auto deadline = options.steady() + kCallTimeout;
  while (true) {
    KafkaError error(call(static_cast<int>(kSlice.count())));
    const bool again = error != nullptr && rd_kafka_error_is_retriable(error.get()) != 0;
    const bool stops = options.stopping && options.stopping();
    if (!again || stops || options.steady() > deadline) return error;
  }
}

Error KafkaTransactor::Impl::error_of(std::string_view what, const KafkaError& error) {
  const auto code = rd_kafka_error_code(error.get());
  fenced = fenced || code == RD_KAFKA_RESP_ERR__FENCED ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
  return kafka_error(fmt::format("{} of {}", what, id), code);
}

Result<void> KafkaTransactor::Impl::produce(const Record& record) {
  std::string& topic = topics[static_cast<std::size_t>(record.topic)];
  const auto deadline = options.steady() + kCallTimeout;
  while (true) {
    // Not copied: the records live until the transaction has ended, one way or the other.
    const int error = kafka_produce(handle.get(), topic.c_str(), record, &topic);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || options.steady() > deadline) {
      return std::unexpected(
          kafka_error(fmt::format("produce to {}/{} key `{}`", topic, number(record.partition),
                                  printable_key(record.key)),
                      error));
    }
    rd_kafka_poll(handle.get(), static_cast<int>(kFullTurn.count()));
  }
}

KafkaTransactor::KafkaTransactor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KafkaTransactor::~KafkaTransactor() {
  if (impl_ == nullptr || impl_->handle == nullptr) return;
  // Records that were never sent are not ours any more once this returns.
  rd_kafka_purge(impl_->handle.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_poll(impl_->handle.get(), 0);
}

Result<std::unique_ptr<KafkaTransactor>> KafkaTransactor::open(
    const KafkaOptions& options, const std::string& transactional_id) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->id = transactional_id;
  impl->topics.resize(all_topics().size() + 1);
  for (const TopicInfo& topic : all_topics()) {
    impl->topics[static_cast<std::size_t>(topic.topic)] = kafka_topic(options, topic.topic);
  }
  auto conf =
      kafka_conf(options, {{"enable.idempotence", "true"},
                           {"acks", "all"},
                           {"linger.ms", "5"},
                           {"transactional.id", transactional_id},
                           {"transaction.timeout.ms", fmt::to_string(kTransactionTimeout.count())},
                           {"message.timeout.ms", fmt::to_string(kTransactionTimeout.count())},
                           {"queue.buffering.max.messages", "1000000"}});
  if (!conf) return std::unexpected(conf.error());
  rd_kafka_conf_set_dr_msg_cb(conf->get(), Impl::delivered);
  rd_kafka_conf_set_error_cb(conf->get(), Impl::disturb);
  rd_kafka_conf_set_opaque(conf->get(), impl.get());
  auto handle = kafka_handle(std::move(*conf), KafkaRole::Producer);
  if (!handle) return std::unexpected(handle.error());
  impl->handle = std::move(*handle);
  // The coordinator is asked for at once or half a second later, when there is no connection yet.
  look_up_topics(impl->handle.get(), impl->topics, kSlice);
  const KafkaError error =
      impl->insist([&](int wait) { return rd_kafka_init_transactions(impl->handle.get(), wait); });
  if (error != nullptr) return std::unexpected(impl->error_of("begin", error));
  impl->disturbed = false;
  return std::unique_ptr<KafkaTransactor>(new KafkaTransactor(std::move(impl)));
}

Result<KafkaTransactor::Outcome> KafkaTransactor::commit(
    std::span<const Record> records, const rd_kafka_topic_partition_list_t* offsets,
    rd_kafka_t* consumer) {
  Impl& self = *impl_;
  const auto begun = self.options.steady();
  rd_kafka_t* const handle = self.handle.get();
  self.written.clear();
  self.refused.reset();
  self.disturbed = false;
  if (const KafkaError error(rd_kafka_begin_transaction(handle)); error != nullptr) {
    return std::unexpected(self.error_of("transaction", error));
  }
  const auto give_up = [&](Error why) {
    // What was not sent yet refers to the records; the next owner of the name ends what was.
    const KafkaError ignored =
        self.insist([&](int wait) { return rd_kafka_abort_transaction(handle, wait); });
    return std::unexpected(std::move(why));
  };
  for (const Record& record : records) {
    if (auto produced = self.produce(record); !produced) return give_up(produced.error());
  }
  pass_point(self.options, "kafka.produced");
  const std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                        decltype(&rd_kafka_consumer_group_metadata_destroy)>
      group(rd_kafka_consumer_group_metadata(consumer), rd_kafka_consumer_group_metadata_destroy);
  if (offsets->cnt > 0) {
    pass_point(self.options, "kafka.offsets.before");
    // Not resumable: what is cut short in the middle can only be aborted.
    const KafkaError error(rd_kafka_send_offsets_to_transaction(
        handle, offsets, group.get(), static_cast<int>(kCallTimeout.count())));
    if (error != nullptr) return give_up(self.error_of("offsets", error));
    pass_point(self.options, "kafka.offsets.after");
  }
  // First the records, which may take their time; what is in doubt is only how it ends.
  rd_kafka_flush(handle, static_cast<int>(kCallTimeout.count()));
  pass_point(self.options, "kafka.end.before");
  const auto ending = self.options.steady();
  const KafkaError error =
      self.insist([&](int wait) { return rd_kafka_commit_transaction(handle, wait); });
  if (error != nullptr) {
    Error why = self.refused ? *self.refused : self.error_of("commit", error);
    if (rd_kafka_error_txn_requires_abort(error.get()) != 0) return give_up(std::move(why));
    return std::unexpected(std::move(why));
  }
  // While the commit was waited for, nobody told of brokers that went away.
  rd_kafka_poll(handle, 0);
  Outcome outcome;
  outcome.next = std::move(self.written);
  outcome.took = std::chrono::duration_cast<milliseconds>(self.options.steady() - begun);
  outcome.clean = self.options.steady() - ending < kQuick && !self.disturbed;
  return outcome;
}

bool KafkaTransactor::fenced() const {
  return impl_->fenced;
}

}  // namespace vigie
