#include <algorithm>

#include <fmt/format.h>

#include "tests/model/client.h"

namespace vigie::model {
namespace {

constexpr Micros kBackoff = 50 * kMilli;

// What librdkafka takes as the end of a producer.
bool is_end(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
}

rd_kafka_resp_err_t normal(rd_kafka_resp_err_t error) {
  const bool fenced = error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                      error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
  return fenced ? RD_KAFKA_RESP_ERR__FENCED : error;
}

}  // namespace

Producer::Producer(const rd_kafka_conf_s& c) : Client(c), id_(setting("transactional.id")) {}

rd_kafka_error_t* Producer::state_error() const {
  if (state_ == State::Dead) return make_error(error_, true, false, false);
  if (state_ == State::MustAbort) return make_error(error_, false, false, true);
  return make_error(RD_KAFKA_RESP_ERR__STATE, false, false, false);
}

rd_kafka_error_t* Producer::begin_producing(int timeout_ms) {
  if (!asked_) {
    asked_ = true;
    ask_for_id();
  }
  await(timeout_ms, [&] { return state_ != State::New; });
  if (state_ == State::New) return make_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false);
  return state_ == State::Ready ? nullptr : state_error();
}

void Producer::ask_for_id() {
  const auto made = std::make_shared<ProducerId>();
  const Micros timeout = setting_ms("transaction.timeout.ms");
  insist(
      "InitProducerId",
      [&c = cluster, name = id_, timeout, made] {
        return c.begin_producer(name, timeout, made.get());
      },
      [this, made](rd_kafka_resp_err_t error) {
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
          fail(error);
          return;
        }
        by_ = *made;
        state_ = State::Ready;
      });
}

rd_kafka_error_t* Producer::begin() {
  if (state_ != State::Ready) return state_error();
  state_ = State::Open;
  ++number_;
  added_.clear();
  offsets_ = false;
  ending_ = false;
  ended_ = false;
  return nullptr;
}

rd_kafka_error_t* Producer::produce(const rd_kafka_vu_t* fields, std::size_t count) {
  if (state_ != State::Open) return state_error();
  Message message{};
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_vu_t& field = fields[i];
    switch (field.vtype) {
      case RD_KAFKA_VTYPE_TOPIC:
        message.place.first = field.u.cstr;
        break;
      case RD_KAFKA_VTYPE_PARTITION:
        message.place.second = field.u.i32;
        break;
      case RD_KAFKA_VTYPE_KEY:
        message.key = field.u.mem.ptr;
        message.key_size = field.u.mem.size;
        break;
      case RD_KAFKA_VTYPE_VALUE:
        message.value = field.u.mem.ptr;
        message.value_size = field.u.mem.size;
        break;
      case RD_KAFKA_VTYPE_OPAQUE:
        message.opaque = field.u.ptr;
        break;
      case RD_KAFKA_VTYPE_TIMESTAMP:
        break;  // the log says when a record came
      default:
        return make_error(RD_KAFKA_RESP_ERR__INVALID_ARG, false, false, false);
    }
  }
  message.queued = world.now();
  queue_.push_back(std::move(message));
  // Sooner or later, while the application goes on.
  later(world.dice.between(0, 5 * kMilli), [this] { pump(); });
  return nullptr;
}

void Producer::pump() {
  const bool may = state_ == State::Open || state_ == State::Committing;
  if (!may || sending_ || (queue_.empty() && batch_.empty())) return;
  if (!batch_.empty()) {
    send_batch();
    return;
  }
  std::set<Place> fresh;
  for (const Message& message : queue_) {
    if (!added_.contains(message.place)) fresh.insert(message.place);
  }
  if (fresh.empty()) {
    const Place place = queue_.front().place;
    std::erase_if(queue_, [&](const Message& message) {
      if (message.place != place) return false;
      batch_.push_back(message);
      return true;
    });
    send_batch();
    return;
  }
  sending_ = true;
  send(
      "AddPartitionsToTxn",
      [&c = cluster, name = id_, by = by_, fresh] { return c.add_partitions(name, by, fresh); },
      [this, fresh, number = number_](rd_kafka_resp_err_t error) {
        if (number != number_) return;
        sending_ = false;
        if (is_passing(error)) {
          later(kBackoff, [this] { pump(); });
          return;
        }
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
          fail(error);
          return;
        }
        added_.insert(fresh.begin(), fresh.end());
        pump();
      });
}

void Producer::send_batch() {
  if (world.now() - batch_.front().queued > setting_ms("message.timeout.ms")) {
    give_up_batch(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
    fail(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
    return;
  }
  std::vector<Entry> entries;
  for (const Message& message : batch_) {
    Entry& entry = entries.emplace_back();
    entry.key.assign(static_cast<const char*>(message.key), message.key_size);
    if (message.value != nullptr) {
      entry.value.emplace(static_cast<const char*>(message.value), message.value_size);
    }
  }
  const Place place = batch_.front().place;
  const auto offset = std::make_shared<std::int64_t>(-1);
  sending_ = true;
  send(
      "Produce",
      [&c = cluster, name = id_, place, by = by_, sequence = sequences_[place], entries, offset] {
        return c.produce(name, by, place, sequence, entries, offset.get());
      },
      [this, place, offset, number = number_](rd_kafka_resp_err_t error) {
        if (number != number_ || batch_.empty()) return;
        sending_ = false;
        if (is_passing(error)) {
          later(kBackoff, [this] { pump(); });
          return;
        }
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
          give_up_batch(error);
          fail(error);
          return;
        }
        sequences_[place] += static_cast<std::int32_t>(batch_.size());
        for (const Message& message : batch_) reports_.push_back({message, error, (*offset)++});
        batch_.clear();
        pump();
      });
}

void Producer::give_up_batch(rd_kafka_resp_err_t error) {
  for (const Message& message : batch_) reports_.push_back({message, error, -1});
  batch_.clear();
}

void Producer::fail(rd_kafka_resp_err_t error) {
  error_ = normal(error);
  state_ = is_end(error_) ? State::Dead : State::MustAbort;
  world.trace([&] {
    return fmt::format("{}: the producer {} after {}", process->name(),
                       state_ == State::Dead ? "is dead" : "must abort", rd_kafka_err2name(error_));
  });
}

rd_kafka_error_t* Producer::send_offsets(const rd_kafka_topic_partition_list_t* offsets,
                                         const MemberName& member, int timeout_ms) {
  if (state_ != State::Open) return state_error();
  std::map<std::int32_t, std::int64_t> next;
  for (int i = 0; i < offsets->cnt; ++i) {
    next[offsets->elems[i].partition] = offsets->elems[i].offset;
  }
  const Micros deadline = world.now() + timeout_ms * kMilli;
  auto error = ask("AddOffsetsToTxn", timeout_ms,
                   [&c = cluster, name = id_, by = by_] { return c.add_offsets(name, by); });
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    offsets_ = true;
    error = ask("TxnOffsetCommit", static_cast<int>((deadline - world.now()) / kMilli),
                [&c = cluster, name = id_, by = by_, member, next] {
                  return c.commit_offsets(name, by, member, next);
                });
  }
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return nullptr;
  fail(error);
  return state_error();
}

bool Producer::flush(int timeout_ms) {
  const bool done = await(timeout_ms, [&] {
    pump();
    return idle() || state_ == State::MustAbort || state_ == State::Dead;
  });
  serve();
  return done;
}

rd_kafka_error_t* Producer::commit(int timeout_ms) {
  if (state_ != State::Open && state_ != State::Committing) return state_error();
  state_ = State::Committing;
  const Micros deadline = world.now() + timeout_ms * kMilli;
  if (!flush(timeout_ms)) return make_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false);
  if (state_ != State::Committing) return state_error();
  if (!ending_) end(true);
  return finish(static_cast<int>((deadline - world.now()) / kMilli));
}

rd_kafka_error_t* Producer::abort(int timeout_ms) {
  if (state_ == State::Dead || state_ == State::New || state_ == State::Ready) {
    return state_error();
  }
  if (state_ != State::Aborting) {
    purge();
    state_ = State::Aborting;
    ending_ = false;
    ended_ = false;
    ++number_;
    end(false);
  }
  return finish(timeout_ms);
}

void Producer::end(bool commit) {
  ending_ = true;
  if (added_.empty() && !offsets_) {
    ended_ = true;
    return;
  }
  insist(
      commit ? "EndTxn(commit)" : "EndTxn(abort)",
      [&c = cluster, name = id_, by = by_, commit] { return c.end(name, by, commit); },
      [this, number = number_](rd_kafka_resp_err_t error) {
        if (number != number_) return;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
          ended_ = true;
        } else {
          fail(error);
        }
      });
}

rd_kafka_error_t* Producer::finish(int timeout_ms) {
  const auto failed = [&] { return state_ == State::MustAbort || state_ == State::Dead; };
  const bool come = await(timeout_ms, [&] { return ended_ || failed(); });
  serve();
  if (!come) return make_error(RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false);
  if (failed()) return state_error();
  state_ = State::Ready;
  return nullptr;
}

void Producer::purge() {
  for (const Message& message : queue_) {
    reports_.push_back({message, RD_KAFKA_RESP_ERR__PURGE_QUEUE, -1});
  }
  queue_.clear();
  give_up_batch(RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
  sending_ = false;
}

int Producer::serve() {
  int served = 0;
  for (const Report& report : std::exchange(reports_, {})) {
    rd_kafka_message_t told{};
    told.err = report.error;
    told.partition = report.message.place.second;
    told.key = const_cast<void*>(report.message.key);
    told.key_len = report.message.key_size;
    told.payload = const_cast<void*>(report.message.value);
    told.len = report.message.value_size;
    told.offset = report.offset;
    told._private = report.message.opaque;
    conf.reported(handle, &told, conf.opaque);
    ++served;
  }
  for (const auto error : std::exchange(errors_, {})) {
    if (conf.failed != nullptr) conf.failed(handle, error, "a broker went away", conf.opaque);
    ++served;
  }
  return served;
}

}  // namespace vigie::model
