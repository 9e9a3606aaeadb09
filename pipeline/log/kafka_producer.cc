#include "pipeline/log/kafka_producer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <openssl/x509_vfy.h>
#include <spdlog/spdlog.h>

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long one failed delivery counts against readiness when nothing was sent since.
constexpr std::chrono::seconds kFailureCounts{30};
constexpr std::chrono::milliseconds kReachTurn{500};
// A broker that starts may not know its users yet.
constexpr std::chrono::seconds kRefusalCounts{2};

// The delivery reports one caller waits for. It lives on that caller's stack: librdkafka reports
// each record exactly once, at the latest after the delivery time-out.
struct Waiter {
  std::mutex mutex;
  std::condition_variable done;
  std::size_t open = 0;  // records without a report
  std::optional<Error> failure;
  Offset last = -1;
};

void on_delivery(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  auto* waiter = static_cast<Waiter*>(message->_private);
  const std::lock_guard lock(waiter->mutex);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !waiter->failure) {
    const std::string_view key(static_cast<const char*>(message->key), message->key_len);
    waiter->failure =
        kafka_error(fmt::format("produce to {}/{} key `{}`", rd_kafka_topic_name(message->rkt),
                                message->partition, printable_key(key)),
                    message->err);
  }
  waiter->last = message->offset;
  // Under the lock: once the caller sees zero the waiter is gone.
  if (--waiter->open == 0) waiter->done.notify_one();
}

// Before 2.6.1 librdkafka ends SCRAM with another nonce than the RFC says, and brokers that look
// answer as if the password was wrong.
bool uses_broken_scram(const KafkaOptions& options) {
  constexpr int kMended = 0x02060100;
  if (rd_kafka_version() >= kMended) return false;
  return std::ranges::any_of(options.properties, [](const auto& property) {
    return property.first.starts_with("sasl.mechanism") && property.second.starts_with("SCRAM");
  });
}

// Why no broker takes our connections; callers merely time out. Any thread.
class Trouble {
 public:
  static void on_error(rd_kafka_t* /*handle*/, int error, const char* reason, void* opaque) {
    // Says nothing that the others do not say better.
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
    auto& self = *static_cast<Trouble*>(opaque);
    const std::lock_guard lock(self.mutex_);
    if (kafka_code(error) == Code::Denied) self.is_denied_ = true;
    // What follows a refusal is only its echo.
    if (self.is_denied_ && kafka_code(error) != Code::Denied) return;
    self.reason_ = reason;
  }

  // Changes no verdict: librdkafka's own line about a failed handshake does not tell a name that
  // does not fit from an authority that is not known.
  static int on_certificate(rd_kafka_t* /*handle*/, const char* broker, std::int32_t /*id*/,
                            int* verdict, int /*depth*/, const char* /*bytes*/,
                            std::size_t /*size*/, char* error, std::size_t error_size,
                            void* opaque) {
    if (*verdict == X509_V_OK) return 1;
    const std::string found = fmt::format("the certificate of {} is not accepted: {}", broker,
                                          X509_verify_cert_error_string(*verdict));
    found.copy(error, error_size - 1);
    error[std::min(found.size(), error_size - 1)] = '\0';
    auto& self = *static_cast<Trouble*>(opaque);
    const std::lock_guard lock(self.mutex_);
    self.certificate_ = found;
    return 0;
  }

  // Whether waiting longer would not help.
  bool is_refusal() const {
    const std::lock_guard lock(mutex_);
    return is_denied_ || !certificate_.empty();
  }

  void forget() {
    const std::lock_guard lock(mutex_);
    is_denied_ = false;
    reason_.clear();
    certificate_.clear();
  }

  Error explain(Error error) const {
    const std::lock_guard lock(mutex_);
    const std::string& why = certificate_.empty() ? reason_ : certificate_;
    if (why.empty() || error.code != Code::Unavailable) return error;
    return Error{is_denied_ ? Code::Denied : Code::Unavailable,
                 fmt::format("{}: {}", error.message, why)};
  }

 private:
  mutable std::mutex mutex_;
  bool is_denied_ = false;   // a broker refused our credentials
  std::string reason_;       // as librdkafka tells it
  std::string certificate_;  // what is wrong with that of a broker
};

}  // namespace

// One librdkafka producer and the thread that serves its delivery reports.
struct KafkaProducer::Instance {
  std::atomic<bool> broken = false;
  Trouble trouble;
  KafkaHandle handle;
  std::mutex mutex;
  std::condition_variable room;  // the queue may have room again
  std::jthread poller;           // last: it uses all of the above

  ~Instance() {
    poller.request_stop();
    if (poller.joinable()) poller.join();
  }

  void serve(const std::stop_token& stop) {
    constexpr int kTurn = 100;
    while (!stop.stop_requested()) {
      if (rd_kafka_poll(handle.get(), kTurn) > 0) room.notify_all();
      std::array<char, 256> reason{};
      if (!broken && rd_kafka_fatal_error(handle.get(), reason.data(), reason.size()) != 0) {
        broken = true;
        spdlog::error("kafka producer failed for good and is replaced: {}", reason.data());
        room.notify_all();
      }
    }
  }
};

KafkaProducer::KafkaProducer(KafkaOptions options) : options_(std::move(options)) {
  topics_.resize(all_topics().size() + 1);
  for (const TopicInfo& topic : all_topics()) {
    topics_[static_cast<std::size_t>(topic.topic)] = kafka_topic(options_, topic.topic);
  }
}

KafkaProducer::~KafkaProducer() = default;

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaOptions& options) {
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer(options));
  if (auto made = producer->instance(); !made) return std::unexpected(made.error());
  return producer;
}

Result<std::shared_ptr<KafkaProducer::Instance>> KafkaProducer::instance() {
  std::shared_ptr<Instance> replaced;  // ends after the lock is released
  const std::lock_guard lock(mutex_);
  if (instance_ != nullptr && !instance_->broken) return instance_;
  auto conf = kafka_conf(
      options_, {{"enable.idempotence", "true"},
                 {"acks", "all"},
                 {"linger.ms", "5"},
                 {"message.timeout.ms", fmt::to_string(options_.delivery_timeout.count())}});
  if (!conf) return std::unexpected(conf.error());
  auto made = std::make_shared<Instance>();
  rd_kafka_conf_set_dr_msg_cb(conf->get(), on_delivery);
  rd_kafka_conf_set_error_cb(conf->get(), Trouble::on_error);
  rd_kafka_conf_set_ssl_cert_verify_cb(conf->get(), Trouble::on_certificate);
  rd_kafka_conf_set_opaque(conf->get(), &made->trouble);
  auto handle = kafka_handle(std::move(*conf), KafkaRole::Producer);
  if (!handle) return std::unexpected(handle.error());
  made->handle = std::move(*handle);
  made->poller =
      std::jthread([raw = made.get()](const std::stop_token& stop) { raw->serve(stop); });
  replaced = std::exchange(instance_, made);
  return made;
}

Result<void> KafkaProducer::reach() {
  auto current = instance();
  if (!current) return std::unexpected(current.error());
  const auto begun = SteadyClock::now();
  while (true) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto error = rd_kafka_metadata((*current)->handle.get(), 0, nullptr, &metadata,
                                         static_cast<int>(kReachTurn.count()));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(metadata);
      (*current)->trouble.forget();
      return {};
    }
    const auto spent = SteadyClock::now() - begun;
    const bool is_hopeless = (*current)->trouble.is_refusal() && spent > kRefusalCounts;
    if (!is_hopeless && spent < options_.request_timeout) continue;
    Error out = kafka_error(fmt::format("no answer from {}", options_.bootstrap), error);
    out.code = Code::Unavailable;
    return std::unexpected(explain(std::move(out)));
  }
}

std::shared_ptr<rd_kafka_t> KafkaProducer::handle() {
  auto current = instance();
  if (!current) return nullptr;
  return {*current, (*current)->handle.get()};
}

Result<void> KafkaProducer::healthy() const {
  const std::lock_guard lock(mutex_);
  if (failure_.empty() || SteadyClock::now() - failed_at_ > kFailureCounts) return {};
  return fail(Code::Unavailable, failure_);
}

Error KafkaProducer::explain(Error error) const {
  const std::lock_guard lock(mutex_);
  if (instance_ == nullptr) return error;
  Error out = instance_->trouble.explain(std::move(error));
  if (out.code == Code::Denied && uses_broken_scram(options_)) {
    out.message += fmt::format(
        "; librdkafka {} cannot do SCRAM with Kafka 4.0 and later, 2.6.1 can: if the password is "
        "right, use PLAIN over TLS or a client certificate",
        rd_kafka_version_str());
  }
  return out;
}

Result<void> KafkaProducer::send(std::span<const Record> records, Offset* last) {
  std::vector<const Record*> first;
  std::vector<const Record*> cursors;
  first.reserve(records.size());
  for (const Record& record : records) {
    (record.topic == Topic::Cursors ? cursors : first).push_back(&record);
  }
  if (auto sent = send_all(first, last); !sent) return sent;
  return send_all(cursors, last);
}

Result<void> KafkaProducer::send_all(std::span<const Record* const> records, Offset* last) {
  if (records.empty()) return {};
  auto current = instance();
  if (!current) return std::unexpected(current.error());
  Instance& producer = **current;

  Waiter waiter;
  waiter.open = records.size();
  std::size_t queued = 0;
  const auto deadline = SteadyClock::now() + options_.delivery_timeout;
  auto error = RD_KAFKA_RESP_ERR_NO_ERROR;
  while (queued < records.size()) {
    const Record& record = *records[queued];
    const std::string& topic = topics_[static_cast<std::size_t>(record.topic)];
    error = static_cast<rd_kafka_resp_err_t>(
        kafka_produce(producer.handle.get(), topic.c_str(), record, &waiter));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++queued;
      continue;
    }
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL || SteadyClock::now() > deadline) break;
    std::unique_lock lock(producer.mutex);
    // A turn at most: a report may have come between the refusal and the wait.
    producer.room.wait_for(lock, std::chrono::milliseconds{20});
  }

  std::unique_lock lock(waiter.mutex);
  waiter.open -= records.size() - queued;  // what was never queued gets no report
  waiter.done.wait(lock, [&] { return waiter.open == 0; });
  std::optional<Error> failure = std::move(waiter.failure);
  if (last != nullptr) *last = waiter.last;
  lock.unlock();
  if (!failure && queued < records.size()) {
    const Record& refused = *records[queued];
    failure = kafka_error(
        fmt::format("produce to {}/{} key `{}`", topics_[static_cast<std::size_t>(refused.topic)],
                    number(refused.partition), printable_key(refused.key)),
        error);
  }
  if (failure) {
    *failure = explain(std::move(*failure));
  } else {
    producer.trouble.forget();
  }
  const std::lock_guard guard(mutex_);
  failure_ = failure && failure->code != Code::Invalid ? failure->message : std::string();
  if (!failure_.empty()) failed_at_ = SteadyClock::now();
  if (failure) return std::unexpected(std::move(*failure));
  return {};
}

}  // namespace vigie
