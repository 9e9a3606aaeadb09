// Where a reader of Kafka starts in each partition, where each ends, and which has been left off.
#include <algorithm>
#include <span>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "pipeline/core/bytes.h"
#include "pipeline/log/kafka_reader.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

// A shorter wait than this is not worth a question to a broker.
constexpr milliseconds kShortestQuestion{200};
// Finding the way back into a partition's range holds up a poll no longer than this.
constexpr milliseconds kRangeQuestion{1'000};
// How often a reader that folds a compacted topic looks whether it stands at the end, until it does
// and after that.
constexpr std::chrono::minutes kLookAgain{1};
constexpr std::chrono::hours kLookNext{1};
// A partition that brings nothing for so long is asked where it ends.
constexpr std::chrono::seconds kSilence{15};
constexpr std::chrono::seconds kLastChance{2};
constexpr milliseconds kSilenceQuestion{1'000};

std::string encode_time(Time time) {
  std::string value(1, '\x01');
  put_fixed(value, static_cast<std::int64_t>(time.time_since_epoch().count()));
  return value;
}

std::optional<Offset> parse_offset(std::string_view value) {
  ByteReader in(value);
  const bool known_format = in.fixed<std::uint8_t>() == 1;
  const auto offset = in.fixed<std::uint64_t>();
  if (!known_format || !in.ok() || !in.at_end()) return std::nullopt;
  return static_cast<Offset>(offset);
}

}  // namespace

// Finds where each dealt partition starts and begins to fetch. After a failure the next poll tries
// again.
Result<void> KafkaReader::settle(milliseconds wait) {
  const auto deadline = options_.steady() + std::max(wait, kShortestQuestion);
  const auto left = [&] {
    return std::max(std::chrono::duration_cast<milliseconds>(deadline - options_.steady()),
                    kShortestQuestion);
  };
  std::map<Partition, Offset> in_group;
  if (once_.in_group) {
    in_group = *once_.in_group;
  } else if (read_.shared) {
    auto found = group_offsets(left());
    if (!found) return std::unexpected(found.error());
    in_group = std::move(*found);
  }
  std::map<Partition, Place> places;
  for (const Partition partition : *dealt_) {
    const auto at = in_group.find(partition);
    auto known = at == in_group.end() ? std::nullopt : std::optional(at->second);
    if (read_.changelog) {
      auto from_state = start_of_state(partition, known);
      if (!from_state) return std::unexpected(from_state.error());
      if (once_.restore) return {};
      known = *from_state;
    }
    auto place = start_of(partition, known, left());
    if (!place) return std::unexpected(place.error());
    places[partition] = *place;
  }
  places_ = std::move(places);
  dealt_.reset();
  return assign();
}

// A reader of all partitions knows its place when it is made: "the end" is the end of that moment.
Result<void> KafkaReader::settle_at_once() {
  const auto deadline = options_.steady() + options_.request_timeout;
  while (true) {
    auto settled = settle(options_.request_timeout);
    const bool passing = !settled && settled.error().code == Code::Unavailable;
    if (!passing || options_.steady() > deadline) return settled;
    // A topic just made, or a leader just lost; no event tells when that is over.
    std::this_thread::sleep_for(milliseconds{50});
  }
}

// Records that were deleted before they were read may have been tombstones. One that is still to be
// read was written after the moment at which the rows were whole:
// it is there for a day from then, also for rows that were read since.
Result<void> KafkaReader::forget_if_stale() {
  if (!read_.wipe) return {};
  const Time now = options_.wall();
  look_at_ = options_.steady() + kLookAgain;
  auto stored = store_.get(Space::Meta, whole_key());
  if (!stored) return std::unexpected(stored.error());
  bool has_rows = stored->has_value();
  std::string why;
  StoreBatch batch;
  for (const Partition partition : *dealt_) {
    auto offset = store_.get(Space::Meta, offset_key(partition));
    if (!offset) return std::unexpected(offset.error());
    batch.erase(Space::Meta, offset_key(partition));
    if (!*offset) continue;
    has_rows = true;
    const auto extent = await_extent(handle_.get(), options_, topic_, partition);
    if (!extent) return std::unexpected(extent.error());
    const auto next = parse_offset(**offset);
    // The first that is left may be the marker behind what was read last.
    if (!next || *next + 1 >= extent->first) continue;
    why = fmt::format("{} begins at {}, and was read to {}", place_name(partition), extent->first,
                      *next);
  }
  if (*stored) {
    ByteReader in(**stored);
    const bool is_known = in.fixed<char>() == '\x01';
    whole_at_ = Time{std::chrono::microseconds{in.fixed<std::int64_t>()}};
    if (!is_known || !in.ok() || !in.at_end()) {
      return fail(Code::Corrupt, fmt::format("kafka: {}: when it was last read to its end is "
                                             "damaged or of a newer format",
                                             topic_));
    }
    const bool is_late = now - whole_at_ > kTombstonesKept;
    if (!is_late && why.empty()) return {};
    if (is_late) why = "it was last read to its end at " + format_time(whole_at_);
  } else {
    why = "it was last read to its end by a version that did not say when";
  }
  if (has_rows) {
    spdlog::warn("kafka topic={} group={} is folded anew: {}", topic_, read_.group, why);
    if (auto wiped = read_.wipe(store_); !wiped) return wiped;
  }
  whole_at_ = now;
  batch.put(Space::Meta, whole_key(), encode_time(now));
  return store_.write(batch, Durability::Buffered);
}

// A reader that is idle, or always busy, comes back after a pause as one that was whole before it.
Result<void> KafkaReader::keep_fresh() {
  if (!read_.wipe || options_.steady() < look_at_) return {};
  const Time now = options_.wall();
  // A machine that slept: the next reader folds anew.
  if (now - whole_at_ > kTombstonesKept) {
    broken_ = Error{Code::Unavailable,
                    fmt::format("kafka: {} was last read to its end at {}: it is folded anew",
                                topic_, format_time(whole_at_))};
    return std::unexpected(*broken_);
  }
  look_at_ = options_.steady() + kLookAgain;
  Time whole = now;
  for (auto& [partition, place] : places_) {
    if (place.polled > place.committed) return {};
    const auto extent = kafka_extent(handle_.get(), topic_, partition, kRangeQuestion);
    // Nobody waits for the answer: the next look asks again.
    if (!extent) return {};
    if (place.next >= extent->second) place.ended = now;
    whole = std::min(whole, place.ended);
  }
  if (whole <= whole_at_) return {};
  StoreBatch batch;
  batch.put(Space::Meta, whole_key(), encode_time(whole));
  if (auto written = store_.write(batch, Durability::Buffered); !written) {
    broken_ = written.error();
    return written;
  }
  whole_at_ = whole;
  look_at_ = options_.steady() + kLookNext;
  return {};
}

Result<std::map<Partition, Offset>> KafkaReader::group_offsets(milliseconds wait) {
  std::vector<std::pair<Partition, Offset>> asked;
  for (const Partition partition : *dealt_) asked.emplace_back(partition, RD_KAFKA_OFFSET_INVALID);
  const KafkaOffsets list = kafka_offsets(topic_, asked);
  const auto error = rd_kafka_committed(handle_.get(), list.get(), kafka_wait(wait));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(kafka_error(
        fmt::format("offsets of group {}{}", options_.topic_prefix, read_.group), error));
  }
  std::map<Partition, Offset> out;
  for (const auto& entry : std::span(list->elems, static_cast<std::size_t>(list->cnt))) {
    if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(kafka_error(place_name(Partition{entry.partition}), entry.err));
    }
    if (entry.offset >= 0) out[Partition{entry.partition}] = entry.offset;
  }
  return out;
}

Result<KafkaReader::Place> KafkaReader::start_of(Partition partition,
                                                 std::optional<Offset> in_group,
                                                 milliseconds wait) {
  const auto extent = kafka_extent(handle_.get(), topic_, partition, wait);
  if (!extent) return std::unexpected(extent.error());
  const auto [oldest, end] = *extent;
  auto stored = store_.get(Space::Meta, offset_key(partition));
  if (!stored) return std::unexpected(stored.error());
  std::optional<Offset> committed = in_group;
  // With a changelog the offset is that of the last commit in it.
  if (stored->has_value() && !read_.changelog) {
    const auto own = parse_offset(**stored);
    if (!own) {
      return fail(Code::Corrupt, fmt::format("kafka: {}: the stored offset is damaged or of a "
                                             "newer format",
                                             place_name(partition)));
    }
    // The store's offset is of one write with the state; the group's may lag behind it. A larger
    // one of the group means that another node went on where this one stopped.
    committed = std::max(*own, in_group.value_or(*own));
  }
  if (!committed) return place_at(read_.from_oldest ? oldest : end, end);
  if (*committed > end) {
    return fail(Code::Corrupt,
                fmt::format("kafka: {} ends at {} but was already read to {}: the topic was made "
                            "anew or lost records; restore it, or begin with an empty data "
                            "directory and another topic_prefix",
                            place_name(partition), end, *committed));
  }
  if (*committed < oldest) {
    if (read_.changelog && !options_.accept_gap) {
      return fail(
          Code::Corrupt,
          fmt::format("kafka: {}: {} to {} were deleted by retention before they were read; "
                      "counts would lack them. `--accept-gap` goes on without them",
                      place_name(partition), *committed, oldest));
    }
    spdlog::error("kafka place={} lost_from={} lost_to={}: deleted by retention before it was read",
                  place_name(partition), *committed, oldest);
  }
  return place_at(std::max(oldest, *committed - read_.rewind), end);
}

Result<void> KafkaReader::assign() {
  std::vector<std::pair<Partition, Offset>> starts;
  starts.reserve(places_.size());
  for (const auto& [partition, place] : places_) starts.emplace_back(partition, place.next);
  begin_merge();
  const KafkaOffsets list = kafka_offsets(topic_, starts);
  if (const auto error = rd_kafka_assign(handle_.get(), list.get())) {
    return std::unexpected(kafka_error(fmt::format("assign {}", topic_), error));
  }
  is_settled_ = true;
  return {};
}

// Retention deleted what was to be read next, or the log is shorter than what was read.
Result<void> KafkaReader::out_of_range(Partition partition) {
  auto place = start_of(partition, places_.at(partition).next, kRangeQuestion);
  if (!place) {
    // librdkafka tells of it once, and fetches the partition no more.
    broken_ = place.error();
    return std::unexpected(*broken_);
  }
  places_[partition] = *place;
  // What waits comes again.
  if (read_.changelog) merge_.drop(partition);
  const KafkaOffsets list = kafka_offsets(topic_, {{partition, place->next}});
  rd_kafka_error_t* error =
      rd_kafka_seek_partitions(handle_.get(), list.get(), kafka_wait(kRangeQuestion));
  if (error == nullptr) return {};
  broken_ = kafka_error(place_name(partition), rd_kafka_error_code(error));
  rd_kafka_error_destroy(error);
  return std::unexpected(*broken_);
}

// All that came was polled. librdkafka 2.0.2 may leave off fetching a partition, and says nothing:
// so one of a worker's that stays silent is asked where it ends, one in a poll. If it brings
// nothing of that until it is asked again, nor soon after, a new reader is to begin. While brokers
// do not answer, nothing is known.
Result<void> KafkaReader::heed_silence() {
  if (!read_.changelog) return {};
  const auto now = options_.steady();
  bool may_ask = true;
  for (auto& [partition, place] : places_) {
    if (!place.silent_since) place.silent_since = now;
    const auto silence = now - *place.silent_since;
    if (place.is_suspect && silence >= kLastChance) {
      broken_ = Error{Code::Unavailable,
                      fmt::format("kafka: {} ends at {} or later and brings nothing of that: it is "
                                  "read anew",
                                  place_name(partition), place.owed),
                      {}};
      return std::unexpected(*broken_);
    }
    if (silence < kSilence || !std::exchange(may_ask, false)) continue;
    const std::optional<Offset> end = ask_for_end(partition);
    place.silent_since = options_.steady();
    const Offset here = std::max({place.fetched, place.behind, place.next});
    place.is_suspect = end && place.owed > here;
    if (!place.is_suspect) place.owed = end.value_or(0);
  }
  return {};
}

// Not on the handle that fetches, where the answer waits behind a fetch that waits for records.
std::optional<Offset> KafkaReader::ask_for_end(Partition partition) {
  if (watch_ == nullptr) {
    KafkaOptions options = options_;
    // What a question waits for at most: its own time-out is not kept (librdkafka 2.0.2).
    options.request_timeout = kSilenceQuestion;
    auto made = kafka_consumer(options, "watch", "read_committed");
    if (!made) return std::nullopt;
    watch_ = std::move(*made);
  }
  const auto extent = kafka_extent(watch_.get(), topic_, partition, kSilenceQuestion);
  return extent ? std::optional(extent->second) : std::nullopt;
}

Result<std::map<Partition, Offset>> KafkaReader::ends() {
  if (!ends_) {
    auto made = kafka_consumer(options_, "ends", "read_uncommitted");
    if (!made) return std::unexpected(made.error());
    ends_ = std::move(*made);
  }
  std::map<Partition, Offset> out;
  for (const Partition partition : partitions()) {
    const auto extent = kafka_extent(ends_.get(), topic_, partition, options_.request_timeout);
    if (!extent) return std::unexpected(extent.error());
    out[partition] = extent->second;
  }
  return out;
}

}  // namespace vigie
