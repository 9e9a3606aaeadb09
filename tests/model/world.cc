#include "tests/model/world.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIGIE_MODEL_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define VIGIE_MODEL_ASAN 1
#endif
#ifdef VIGIE_MODEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace vigie::model {
namespace {

// Deep enough for a store under a sanitizer.
constexpr std::size_t kStackBytes = std::size_t{1} << 20;
// A schedule that goes on for longer turns in circles.
constexpr std::uint64_t kMostSteps = 2'000'000;

// Stacks are used again, since making one costs more than a schedule takes.
class Stacks {
 public:
  void* take() {
    if (free_.empty()) {
      void* made = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
      if (made == MAP_FAILED) std::abort();
      return made;
    }
    void* taken = free_.back();
    free_.pop_back();
    return taken;
  }
  void give_back(void* stack) { free_.push_back(stack); }

 private:
  std::vector<void*> free_;
};

Stacks& stacks() {
  static Stacks all;
  return all;
}

// Where the scheduler stands while a process runs.
struct Home {
  ucontext_t context{};
  World* world = nullptr;  // of the process that begins
  const void* bottom = nullptr;
  std::size_t size = 0;
};
Home home;

}  // namespace

std::uint64_t Dice::next() {
  // SplitMix64.
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t x = state_;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

bool Dice::chance(double probability) {
  return probability > 0 && static_cast<double>(next() >> 11U) * 0x1p-53 < probability;
}

std::int64_t Dice::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
}

Micros Dice::wide(Micros low, Micros high) {
  const double part = static_cast<double>(next() >> 11U) * 0x1p-53;
  return static_cast<Micros>(static_cast<double>(low) *
                             std::pow(static_cast<double>(high) / static_cast<double>(low), part));
}

struct Process::Context {
  ucontext_t at{};
  void* stack = nullptr;
  void* fake_stack = nullptr;  // of the sanitizer
};

Process::Process(std::string name, std::function<void()> body)
    : name_(std::move(name)), body_(std::move(body)), context_(std::make_unique<Context>()) {}

Process::~Process() {
  if (context_->stack != nullptr) stacks().give_back(context_->stack);
}

World::~World() {
  // A body that still waits has objects on its stack, which must go.
  for (const auto& process : processes_) {
    kill(*process);
    if (!process->ended_) resume(process);
  }
}

void World::after(Micros delay, std::function<void()> what) {
  events_.push({now_ + delay, numbers_++, std::move(what)});
}

void World::after(Micros delay, const std::shared_ptr<Process>& who, std::function<void()> what) {
  after(delay, [this, weak = std::weak_ptr(who), what = std::move(what)]() mutable {
    const auto process = weak.lock();
    if (!process || !process->alive_ || process->ended_) return;
    if (process->frozen_until_ > now_) {
      after(process->frozen_until_ - now_, process, std::move(what));
      return;
    }
    what();
  });
}

std::shared_ptr<Process> World::start(std::string name, std::function<void()> body) {
  auto process = std::make_shared<Process>(std::move(name), std::move(body));
  std::erase_if(processes_, [](const auto& one) { return one->ended_; });
  processes_.push_back(process);
  plan_wake(process, now_);
  return process;
}

std::shared_ptr<Process> World::current_process() const {
  const auto at = std::ranges::find(processes_, current_, &std::shared_ptr<Process>::get);
  return at == processes_.end() ? nullptr : *at;
}

void World::plan_wake(const std::shared_ptr<Process>& process, Micros when) {
  after(when - now_, [this, weak = std::weak_ptr(process), sleep = process->sleep_] {
    const auto sleeper = weak.lock();
    if (!sleeper || sleeper->ended_ || sleeper->sleep_ != sleep) return;
    if (sleeper->alive_ && sleeper->frozen_until_ > now_) {
      plan_wake(sleeper, sleeper->frozen_until_);
      return;
    }
    resume(sleeper);
  });
}

void World::stir(const std::shared_ptr<Process>& process) {
  if (process.get() == current_ || process->ended_) return;
  if (process->begun_ && process->stirred_ == process->sleep_) return;
  process->stirred_ = process->sleep_;
  plan_wake(process, now_);
}

void World::stir() {
  for (const auto& process : processes_) stir(process);
}

void World::wait_until(Micros when) {
  Process& self = *current_;
  const bool alone = events_.empty() || events_.top().due > when;
  if (alone && self.alive_ && self.frozen_until_ <= when) {
    // Nothing happens before: no need to leave the stack.
    now_ = std::max(now_, when);
    if (++steps_ > kMostSteps) self.alive_ = false;
  } else {
    plan_wake(current_process(), std::max(when, now_));
    suspend();
  }
  if (!self.alive_) throw Killed{};
}

void World::pass(Micros span) {
  const Micros end = now_ + span;
  do wait_until(end);
  while (now_ < end);
}

void World::bind(const std::vector<std::shared_ptr<Process>>& threads) {
  for (const auto& one : threads) one->others_.assign(threads.begin(), threads.end());
}

void World::kill(Process& process) {
  for (const auto& other : process.others_) {
    if (const auto one = other.lock()) kill_one(*one);
  }
  kill_one(process);
}

void World::kill_one(Process& process) {
  if (process.ended_ || !process.alive_) return;
  process.alive_ = false;
  trace([&] { return fmt::format("{} is killed", process.name_); });
  if (&process == current_) return;
  const auto at = std::ranges::find(processes_, &process, &std::shared_ptr<Process>::get);
  plan_wake(*at, now_);
}

void World::freeze(Process& process, Micros span) {
  if (process.ended_) return;
  for (const auto& other : process.others_) {
    if (const auto one = other.lock()) {
      one->frozen_until_ = std::max(one->frozen_until_, now_ + span);
    }
  }
  process.frozen_until_ = std::max(process.frozen_until_, now_ + span);
  trace([&] { return fmt::format("{} is frozen for {} ms", process.name_, span / kMilli); });
}

bool World::run(Micros until, const std::function<bool()>& done) {
  while (!done()) {
    if (events_.empty() || events_.top().due > until || ++steps_ > kMostSteps) return false;
    // The handler may add events, so it leaves the queue first.
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = std::max(now_, event.due);
    event.what();
  }
  return true;
}

void World::note(std::string text) {
  notes.push_back(fmt::format("{:10.3f} {}", static_cast<double>(now_) / kMilli, text));
}

// The two halves of a switch: the scheduler goes in, the process comes out.
void World::resume(const std::shared_ptr<Process>& process) {
  Process& self = *process;
  ++self.sleep_;
  if (!self.begun_ && !self.alive_) {
    self.ended_ = true;
    return;
  }
  Process::Context& context = *self.context_;
  if (!self.begun_) {
    self.begun_ = true;
    context.stack = stacks().take();
    getcontext(&context.at);
    context.at.uc_stack.ss_sp = context.stack;
    context.at.uc_stack.ss_size = kStackBytes;
    context.at.uc_link = nullptr;
    home.world = this;
    makecontext(&context.at, [] { home.world->enter(*home.world->current_); }, 0);
  }
  current_ = &self;
#ifdef VIGIE_MODEL_ASAN
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, context.stack, kStackBytes);
#endif
  swapcontext(&home.context, &context.at);
#ifdef VIGIE_MODEL_ASAN
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  current_ = nullptr;
}

void World::suspend() {
  Process::Context& context = *current_->context_;
#ifdef VIGIE_MODEL_ASAN
  __sanitizer_start_switch_fiber(current_->ended_ ? nullptr : &context.fake_stack, home.bottom,
                                 home.size);
#endif
  swapcontext(&context.at, &home.context);
#ifdef VIGIE_MODEL_ASAN
  __sanitizer_finish_switch_fiber(context.fake_stack, &home.bottom, &home.size);
#endif
}

void World::enter(Process& process) {
#ifdef VIGIE_MODEL_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &home.bottom, &home.size);
#endif
  try {
    process.body_();
  } catch (const Killed&) {
  }
  process.ended_ = true;
  suspend();
  std::abort();  // nobody goes on with what has ended
}

}  // namespace vigie::model
