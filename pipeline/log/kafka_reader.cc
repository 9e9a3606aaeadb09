// What a reader keeps in Space::Meta of its store:
//   0x01 'k' group 0x00 topic:u8 partition:u32   -> 0x01 next offset:u64    (big endian)
//   0x01 'w' group 0x00 topic:u8                 -> 0x01 whole:i64 microseconds
//   0x01 'K'                                     -> 0x01 cluster id 0x00 topic prefix
// The second says when rows folded from a compacted topic were last whole, the third which log the
// offsets and all other state belong to.
#include "pipeline/log/kafka_reader.h"

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "pipeline/core/bytes.h"
#include "pipeline/log/record_format.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

// One poll stays below this, so that records of the largest size do not add up to gigabytes.
constexpr std::size_t kMaxBatchBytes = std::size_t{16} << 20;
constexpr milliseconds kCloseWait{5'000};
// A partition whose broker says nothing for so long no longer holds the others back.
constexpr milliseconds kPatience{1'000};
// Nor does one while so much of others is in memory.
constexpr std::size_t kMostMergedBytes = std::size_t{32} << 20;

void rebalance_cb(rd_kafka_t* /*handle*/, rd_kafka_resp_err_t event,
                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  static_cast<KafkaReader*>(opaque)->on_rebalance(event, partitions);
}

void offset_commit_cb(rd_kafka_t* handle, rd_kafka_resp_err_t error,
                      rd_kafka_topic_partition_list_t* /*offsets*/, void* /*opaque*/) {
  // The offsets that count are in the store; the group's are for other nodes and for tools.
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__NO_OFFSET) return;
  spdlog::warn("kafka client={} offsets not told to the group: {}", rd_kafka_name(handle),
               rd_kafka_err2name(error));
}

}  // namespace

void KafkaReader::FreeMessage::operator()(rd_kafka_message_t* message) const {
  rd_kafka_message_destroy(message);
}

KafkaReader::KafkaReader(const KafkaOptions& options, Source source, ReadOptions read,
                         KafkaProducer& producer, Store& store)
    : options_(options),
      source_(std::move(source)),
      read_(std::move(read)),
      topic_(kafka_topic(options, source_.topic)),
      producer_(producer),
      store_(store) {}

KafkaReader::~KafkaReader() {
  tell_left(0, 0);
  source_.owners->leave(source_.slot);
  if (handle_ == nullptr) return;
  messages_.clear();
  transactor_.reset();
  if (!told_.empty()) tell_group_and_wait();
  // Calls on_rebalance; a static member keeps its partitions until the session times out.
  rd_kafka_consumer_close(handle_.get());
}

Result<std::unique_ptr<KafkaReader>> KafkaReader::open(const KafkaOptions& options, Source source,
                                                       ReadOptions read, KafkaProducer& producer,
                                                       Store& store) {
  std::unique_ptr<KafkaReader> reader(
      new KafkaReader(options, std::move(source), std::move(read), producer, store));
  if (auto bound = reader->bind_store(); !bound) return std::unexpected(bound.error());
  if (auto connected = reader->connect(); !connected) return std::unexpected(connected.error());
  return reader;
}

// Offsets mean nothing in another log, and state that belongs to another log would be wrong there.
Result<void> KafkaReader::bind_store() {
  const auto producer = producer_.handle();
  char* id = producer == nullptr
                 ? nullptr
                 : rd_kafka_clusterid(producer.get(), kafka_wait(options_.request_timeout));
  if (id == nullptr) return fail(Code::Unavailable, "kafka: the broker does not tell its cluster");
  std::string log = "\x01";
  log.append(id).append(1, '\0').append(options_.topic_prefix);
  rd_kafka_mem_free(producer.get(), id);

  constexpr std::string_view kKey = "\x01K";
  auto known = store_.get(Space::Meta, kKey);
  if (!known) return std::unexpected(known.error());
  if (!known->has_value()) {
    StoreBatch batch;
    batch.put(Space::Meta, kKey, log);
    return store_.write(batch, Durability::Buffered);
  }
  if (**known == log) return {};
  return fail(Code::Invalid,
              fmt::format("kafka: the data directory belongs to another cluster or topic_prefix "
                          "than {} at {}; give this log an empty data directory",
                          options_.topic_prefix, options_.bootstrap));
}

Result<void> KafkaReader::connect() {
  std::map<std::string, std::string> fixed = {
      {"group.id", options_.topic_prefix + read_.group},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"isolation.level", "read_committed"},
      {"auto.offset.reset", "error"},
      {"enable.partition.eof", "true"},
      {"partition.assignment.strategy", "range"},
      {"session.timeout.ms", fmt::to_string(options_.session_timeout.count())},
      // A commit may wait twice for delivery reports, and a text that is the worst case of dear
      // rules takes minutes on a small machine; only a hung owner takes longer.
      {"max.poll.interval.ms",
       fmt::to_string(
           std::max(2 * options_.delivery_timeout + milliseconds{240'000}, options_.session_timeout)
               .count())},
      {"heartbeat.interval.ms", fmt::to_string(options_.session_timeout.count() / 4)},
  };
  if (read_.shared && !source_.instance.empty()) fixed["group.instance.id"] = source_.instance;
  auto conf = kafka_conf(options_, fixed);
  if (!conf) return std::unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), this);
  if (read_.shared) rd_kafka_conf_set_rebalance_cb(conf->get(), rebalance_cb);
  rd_kafka_conf_set_offset_commit_cb(conf->get(), offset_commit_cb);
  auto handle = kafka_handle(std::move(*conf), KafkaRole::Consumer);
  if (!handle) return std::unexpected(handle.error());
  handle_ = std::move(*handle);
  rd_kafka_poll_set_consumer(handle_.get());

  if (!read_.shared) {
    dealt_.emplace();
    for (std::int32_t i = 0; i < source_.partitions; ++i) dealt_->push_back(Partition{i});
    if (auto fresh = forget_if_stale(); !fresh) return fresh;
    return settle_at_once();
  }
  if (!read_.changelog) return {};
  // At once, and not with the first partitions: whoever waits for the end of a topic would wait
  // for the broker's timer to end what this name left open when its process died.
  auto opened = KafkaTransactor::open(options_, source_.transaction_id);
  if (!opened) return std::unexpected(opened.error());
  transactor_ = std::move(*opened);
  return {};
}

Result<void> KafkaReader::join() {
  const KafkaOffsets topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), topic_.c_str(), RD_KAFKA_PARTITION_UA);
  if (const auto error = rd_kafka_subscribe(handle_.get(), topics.get())) {
    return std::unexpected(kafka_error(fmt::format("subscribe to {}", topic_), error));
  }
  is_member_ = true;
  return {};
}

void KafkaReader::on_rebalance(int event, const rd_kafka_topic_partition_list_t* partitions) {
  rebalanced_ = true;
  is_settled_ = false;
  rd_kafka_yield(handle_.get());
  places_.clear();
  merge_.clear();
  told_.clear();
  dealt_.reset();
  once_ = {};
  tell_left(0, 0);
  if (event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    // Where to start is asked after the callback, which must not block; nothing is fetched until
    // then.
    dealt_at_ = options_.steady();
    dealt_.emplace();
    for (int i = 0; i < partitions->cnt; ++i) {
      dealt_->push_back(Partition{partitions->elems[i].partition});
    }
    std::ranges::sort(*dealt_);
    source_.owners->take(source_.slot, *dealt_);
    if (read_.changelog) hold();
    return;
  }
  source_.owners->leave(source_.slot);
  rd_kafka_assign(handle_.get(), nullptr);
}

Result<std::span<const LogRecord>> KafkaReader::poll(std::size_t max, milliseconds wait) {
  if (broken_) return std::unexpected(*broken_);
  const auto deadline = options_.steady() + wait;
  records_.clear();
  messages_.clear();
  bytes_ = 0;
  rebalanced_ = false;
  if (read_.shared && !is_member_) {
    if (auto joined = join(); !joined) return std::unexpected(joined.error());
  }
  if (auto fresh = keep_fresh(); !fresh) return std::unexpected(fresh.error());
  if (dealt_ && read_.changelog) {
    auto restored = restore(wait);
    if (!restored) return std::unexpected(restored.error());
    if (!*restored) return std::span<const LogRecord>();
  }
  if (dealt_) {
    auto settled = settle(wait);
    const bool later =
        !settled && read_.changelog && is_soon() && settled.error().code == Code::Unavailable;
    if (!settled && !later) return std::unexpected(settled.error());
    if (dealt_) return std::span<const LogRecord>();
  }
  rebalanced_ = false;  // what was served above is known
  while (messages_.size() < max && bytes_ < kMaxBatchBytes) {
    if (read_.changelog && add_in_order()) continue;
    // Waits only for the first record: what is at hand goes out at once.
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - options_.steady());
    Message message(
        rd_kafka_consumer_poll(handle_.get(), messages_.empty() ? kafka_wait(left) : 0));
    if (rebalanced_) {
      messages_.clear();
      records_.clear();
      if (!dealt_ || read_.changelog) return std::span<const LogRecord>();
      auto settled = settle(std::chrono::duration_cast<milliseconds>(deadline - options_.steady()));
      if (!settled) return std::unexpected(settled.error());
      return std::span<const LogRecord>();
    }
    if (message == nullptr) {
      if (auto heeded = heed_silence(); !heeded) return std::unexpected(heeded.error());
      if (!messages_.empty() || options_.steady() >= deadline) break;
      continue;
    }
    if (auto taken = take(std::move(message)); !taken) {
      // What came before the error is good; the error comes again if it lasts.
      if (!messages_.empty() && !broken_) break;
      return std::unexpected(taken.error());
    }
  }
  if (read_.changelog && !records_.empty()) pass_point(options_, "kafka.polled");
  move_places();
  return std::span<const LogRecord>(records_);
}

// Behind what is handed out now, and to the end where that is all.
void KafkaReader::move_places() {
  for (const LogRecord& record : records_) {
    Place& place = places_[record.partition];
    place.next = std::max(place.next, record.offset + 1);
    place.polled = std::max(place.polled, record.offset + 1);
  }
  for (auto& [partition, place] : places_) {
    if (!read_.changelog || merge_.ended(partition))
      place.next = std::max(place.next, place.behind);
  }
}

// Adds what is due next of all partitions; false when there is nothing, or a partition is to be
// heard first.
bool KafkaReader::add_in_order() {
  const auto now = options_.steady();
  const bool anyway =
      merge_.bytes() > kMostMergedBytes || (held_since_ && now - *held_since_ > kPatience);
  if (auto message = merge_.pop(anyway)) {
    held_since_.reset();
    add(std::move(*message));
    return true;
  }
  if (merge_.bytes() == 0) {
    held_since_.reset();
  } else if (!held_since_) {
    held_since_ = now;
  }
  return false;
}

void KafkaReader::begin_merge() {
  merge_.clear();
  held_since_.reset();
  for (const auto& [partition, place] : places_) merge_.expect(partition);
}

void KafkaReader::add(Message message) {
  const auto text = [](const void* bytes, std::size_t size) {
    return std::string_view(static_cast<const char*>(bytes), size);
  };
  LogRecord record{Partition{message->partition}, message->offset, {}, std::nullopt};
  if (message->key != nullptr) record.key = text(message->key, message->key_len);
  if (message->payload != nullptr) record.value = text(message->payload, message->len);
  bytes_ += message->len + message->key_len;
  records_.push_back(record);
  messages_.push_back(std::move(message));
}

// Adds a message to the batch, or to what waits for its turn, or does what its error asks for.
Result<void> KafkaReader::take(Message message) {
  const Partition partition{message->partition};
  const auto place = places_.find(partition);
  switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: {
      if (place == places_.end()) return {};
      place->second.heard(message->offset + 1);
      // Who shares partitions reads mentions, or no values at all.
      if (!read_.shared) {
        if (auto known = check(*message); !known) return known;
      }
      if (!read_.changelog) {
        add(std::move(message));
        return {};
      }
      const std::int64_t written = rd_kafka_message_timestamp(message.get(), nullptr);
      const std::size_t bytes = message->len + message->key_len;
      merge_.push(partition, written, bytes, std::move(message));
      return {};
    }
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      // It comes after the partition's records; its offset is past the last of them and past what
      // marks the end of transactions.
      if (place != places_.end()) {
        place->second.end = std::max(place->second.end, message->offset);
        place->second.behind = message->offset;
        place->second.heard(message->offset);
        place->second.ended = options_.wall();
        if (read_.changelog) merge_.end(partition);
      }
      return {};
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      if (place == places_.end()) return {};
      return out_of_range(partition);
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      return {};  // the partitions are dealt anew, which the next poll sees
    default:
      break;
  }
  if (look_for_the_end()) return std::unexpected(*broken_);
  return std::unexpected(kafka_error(
      fmt::format("read {}: {}", topic_, rd_kafka_message_errstr(message.get())), message->err));
}

// Nothing behind a record that cannot be read is read, and what was polled before it comes again.
Result<void> KafkaReader::check(const rd_kafka_message_t& message) {
  const std::string_view value(static_cast<const char*>(message.payload),
                               message.payload == nullptr ? 0 : message.len);
  auto known =
      check_format(source_.topic, topic_, Partition{message.partition}, message.offset, value);
  if (!known) broken_ = known.error();
  return known;
}

// Whether the handle has failed for good.
bool KafkaReader::look_for_the_end() {
  std::array<char, 256> reason{};
  const auto fatal = rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
  if (fatal == RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  broken_ = kafka_error(fmt::format("read {} as {}", topic_, source_.instance), fatal);
  if (fatal != RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) return true;
  // A client that finds its session over forgets its member id and goes on with heartbeats; a group
  // that still has the member takes it for a twin.
  char* member = rd_kafka_memberid(handle_.get());
  const bool is_forgotten = member == nullptr || *member == '\0';
  if (member != nullptr) rd_kafka_mem_free(handle_.get(), member);
  if (is_forgotten) {
    broken_->code = Code::Unavailable;
  } else {
    broken_->message += ": another process runs with the same instance id";
  }
  return true;
}

Result<void> KafkaReader::commit(Effects effects) {
  if (broken_) return std::unexpected(*broken_);
  for (const auto& [partition, next] : effects.next) {
    const auto place = places_.find(partition);
    if (place != places_.end() && next <= place->second.next) continue;
    // The partition was dealt anew since: its new owner, or this reader itself, reads on from the
    // committed offset, and what is in these effects comes again.
    broken_ = Error{Code::Unavailable, fmt::format("kafka: {} was dealt anew before the commit",
                                                   place_name(partition))};
    return std::unexpected(*broken_);
  }
  if (read_.changelog) return commit_once(std::move(effects));
  if (auto sent = producer_.send(effects.outputs); !sent) {
    broken_ = sent.error();
    return sent;
  }
  for (const auto& [partition, next] : effects.next) {
    std::string value = "\x01";
    put_fixed(value, static_cast<std::uint64_t>(next));
    effects.state.put(Space::Meta, offset_key(partition), value);
  }
  if (!effects.state.empty()) {
    if (auto written = store_.write(effects.state, Durability::Buffered); !written) {
      broken_ = written.error();
      return written;
    }
  }
  for (const auto& [partition, next] : effects.next) {
    const auto place = places_.find(partition);
    if (place != places_.end()) place->second.committed = next;
  }
  if (read_.shared && !effects.next.empty()) tell_group(effects.next);
  return {};
}

// Tells the group where the partitions' next owner goes on. Durable already: a failure only means
// that another node would repeat a little.
void KafkaReader::tell_group(const std::vector<std::pair<Partition, Offset>>& next) {
  const auto error = rd_kafka_commit(handle_.get(), kafka_offsets(topic_, next).get(), 1);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    spdlog::warn("kafka topic={} offsets not told to the group: {}", topic_,
                 rd_kafka_err2name(error));
  }
  for (const auto& [partition, offset] : next) told_[partition] = offset;
}

// Waits until the group knows the last offsets, so that the next owner repeats nothing.
void KafkaReader::tell_group_and_wait() {
  const std::vector<std::pair<Partition, Offset>> next(told_.begin(), told_.end());
  rd_kafka_queue_t* answers = rd_kafka_queue_new(handle_.get());
  const auto error = rd_kafka_commit_queue(handle_.get(), kafka_offsets(topic_, next).get(),
                                           answers, nullptr, nullptr);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_event_t* answer = rd_kafka_queue_poll(answers, kafka_wait(kCloseWait));
    if (answer != nullptr) rd_kafka_event_destroy(answer);
  }
  rd_kafka_queue_destroy(answers);
}

std::vector<Partition> KafkaReader::partitions() const {
  std::vector<Partition> out;
  out.reserve(places_.size());
  for (const auto& [partition, place] : places_) out.push_back(partition);
  return out;
}

std::pair<Offset, Offset> KafkaReader::position(Partition partition) const {
  const auto place = places_.find(partition);
  if (place == places_.end()) return {0, 0};
  Offset oldest = 0;
  Offset end = 0;
  // Known from the last fetch; no question to the broker.
  const auto error = rd_kafka_get_watermark_offsets(handle_.get(), topic_.c_str(),
                                                    number(partition), &oldest, &end);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR || end < 0) end = 0;
  return {place->second.next, std::max({place->second.next, place->second.end, end})};
}

std::string KafkaReader::offset_key(Partition partition) const {
  std::string key = "\x01k";
  key.append(read_.group).append(1, '\0').append(1, static_cast<char>(source_.topic));
  put_fixed(key, static_cast<std::uint32_t>(number(partition)));
  return key;
}

std::string KafkaReader::whole_key() const {
  return std::string("\x01w")
      .append(read_.group)
      .append(1, '\0')
      .append(1, static_cast<char>(source_.topic));
}

std::string KafkaReader::place_name(Partition partition) const {
  return fmt::format("{}/{}", topic_, number(partition));
}

}  // namespace vigie
