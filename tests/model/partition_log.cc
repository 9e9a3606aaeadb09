#include "tests/model/partition_log.h"

#include <algorithm>
#include <set>

namespace vigie::model {

std::int64_t PartitionLog::stable_end() const {
  std::int64_t stable = end();
  for (const auto& [producer, first] : open_) stable = std::min(stable, first);
  return stable;
}

std::int64_t PartitionLog::append(std::string key, std::optional<std::string> value, Micros now) {
  Entry& entry = entries_.emplace_back();
  entry.key = std::move(key);
  entry.value = std::move(value);
  entry.written = now;
  return end() - 1;
}

rd_kafka_resp_err_t PartitionLog::append_open(ProducerId by, std::int32_t sequence,
                                              const std::vector<Entry>& batch, Micros now,
                                              std::int64_t* offset) {
  Writer& writer = writers_[by.id];
  if (by.epoch < writer.epoch) return RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
  if (by.epoch > writer.epoch) writer = {.epoch = by.epoch, .next = 0, .offsets = {}};
  if (const auto known = writer.offsets.find(sequence); known != writer.offsets.end()) {
    *offset = known->second;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  if (sequence != writer.next) return RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
  *offset = end();
  writer.offsets[sequence] = *offset;
  writer.next += static_cast<std::int32_t>(batch.size());
  open_.try_emplace(by.id, *offset);
  for (const Entry& record : batch) {
    Entry& entry = entries_.emplace_back(record);
    entry.state = Entry::State::Open;
    entry.producer = by.id;
    entry.written = now;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void PartitionLog::mark(ProducerId by, bool commit, Micros now) {
  Writer& writer = writers_[by.id];
  if (by.epoch < writer.epoch) return;
  if (by.epoch > writer.epoch) writer = {.epoch = by.epoch, .next = 0, .offsets = {}};
  if (const auto open = open_.find(by.id); open != open_.end()) {
    for (std::int64_t i = open->second; i < end(); ++i) {
      Entry& entry = entries_[static_cast<std::size_t>(i)];
      if (entry.state != Entry::State::Open || entry.producer != by.id) continue;
      entry.state = commit ? Entry::State::Committed : Entry::State::Aborted;
    }
    open_.erase(open);
  }
  Entry& marker = entries_.emplace_back();
  marker.state = Entry::State::Marker;
  marker.producer = by.id;
  marker.written = now;
}

void PartitionLog::compact(std::int64_t before) {
  std::set<std::string> newer;
  for (std::int64_t i = std::min(before, stable_end()) - 1; i >= 0; --i) {
    Entry& entry = entries_[static_cast<std::size_t>(i)];
    if (entry.state == Entry::State::Marker) continue;
    const bool is_newest = entry.state != Entry::State::Aborted && newer.insert(entry.key).second;
    if (!is_newest) entry.compacted = true;
  }
}

}  // namespace vigie::model
