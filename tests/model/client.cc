#include "tests/model/client.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace vigie::model {
namespace {

Room* current_room = nullptr;

constexpr Micros kBackoff = 100 * kMilli;
constexpr Micros kPatience = 10 * kSecond;  // socket.timeout.ms
// librdkafka does not tell the same error of a broker again for so long.
constexpr Micros kSameError = 30 * kSecond;

}  // namespace

void set_room(Room* room) {
  current_room = room;
}

Room& room() {
  return *current_room;
}

Client::Client(const rd_kafka_conf_s& c)
    : conf(c),
      process(room().world.current_process()),
      world(room().world),
      cluster(room().cluster) {}

std::string Client::setting(const std::string& name) const {
  const auto at = conf.values.find(name);
  return at == conf.values.end() ? std::string() : at->second;
}

Micros Client::setting_ms(const std::string& name) const {
  return std::stoll(setting(name)) * kMilli;
}

bool Client::step() {
  if (!process->alive()) return false;
  if (closing) return true;
  const Faults& faults = room().faults;
  if (world.dice.chance(faults.kill)) {
    world.kill(*process);
    throw Killed{};
  }
  if (world.dice.chance(faults.freeze)) {
    world.freeze(*process, world.dice.wide(10 * kMilli, faults.longest_freeze));
  }
  if (world.dice.chance(faults.stall)) {
    const Micros span = world.dice.wide(kSecond, faults.longest_stall);
    world.trace([&] { return fmt::format("{} stalls for {} ms", process->name(), span / kMilli); });
    world.pass(span);
  }
  world.pass(world.dice.between(20, 300));
  return true;
}

bool Client::await(int timeout_ms, const std::function<bool()>& come) {
  const Micros deadline = world.now() + timeout_ms * kMilli;
  while (!come()) {
    if (world.now() >= deadline) return false;
    world.wait_until(deadline);
  }
  return true;
}

void Client::later(Micros delay, std::function<void()> what) {
  world.after(delay, process, [weak = weak_from_this(), what = std::move(what)] {
    if (const auto self = weak.lock()) what();
  });
}

void Client::disconnected() {
  if (cluster.lies.silent_breaks) return;
  if (told_at_ >= 0 && world.now() - told_at_ < kSameError) return;
  told_at_ = world.now();
  errors_.push_back(RD_KAFKA_RESP_ERR__TRANSPORT);
}

void Client::send(const char* what, Serve serve, Answered answered) {
  const Faults& faults = room().faults;
  Dice& dice = world.dice;
  Micros there = dice.between(100, 2 * kMilli);
  const Micros back = dice.between(100, 2 * kMilli);
  if (dice.chance(faults.slow)) there += dice.wide(200 * kMilli, 2 * kPatience);
  const auto tell = [this, what, answered](rd_kafka_resp_err_t error, bool broken) {
    if (broken) disconnected();
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      world.trace([&] {
        return fmt::format("{}: {} gets {}", process->name(), what, rd_kafka_err2name(error));
      });
    }
    answered(error);
    world.stir(process);
  };
  const bool lost = dice.chance(faults.lost);
  // Who waits for too long lets go of the connection, but not of what is on its way.
  const bool given_up = !lost && there > kPatience;
  const bool late = given_up || (!lost && dice.chance(faults.late));
  if (late) {
    const Micros arrives = there + (given_up ? 0 : dice.wide(10 * kMilli, faults.latest));
    there = std::min(there, kPatience);
    world.after(arrives, [&world = world, what, name = process->name(), serve] {
      world.trace([&] { return fmt::format("{}: {} arrives late", name, what); });
      serve();
    });
  }
  if (lost || late) {
    later(there, [tell] { tell(RD_KAFKA_RESP_ERR__TRANSPORT, true); });
    return;
  }
  const bool broken = dice.chance(faults.answer_lost);
  world.after(there, [weak = weak_from_this(), serve, tell, back, broken] {
    const auto error = serve();
    const auto self = weak.lock();
    if (!self) return;
    self->later(back, [tell, error, broken] {
      tell(broken ? RD_KAFKA_RESP_ERR__TRANSPORT : error, broken);
    });
  });
}

bool is_passing(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
      return true;
    default:
      return false;
  }
}

void Client::insist(const char* what, Serve serve, Answered answered) {
  send(what, serve, [this, what, serve, answered](rd_kafka_resp_err_t error) {
    if (!is_passing(error)) {
      answered(error);
      return;
    }
    later(kBackoff, [this, what, serve, answered] { insist(what, serve, answered); });
  });
}

rd_kafka_resp_err_t Client::ask(const char* what, int timeout_ms, Serve serve) {
  struct Outcome {
    bool come = false;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  const auto outcome = std::make_shared<Outcome>();
  insist(what, std::move(serve), [outcome](rd_kafka_resp_err_t error) {
    outcome->come = true;
    outcome->error = error;
  });
  if (!await(timeout_ms, [&] { return outcome->come; })) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  return outcome->error;
}

}  // namespace vigie::model
