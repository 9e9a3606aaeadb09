#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vigie::model {

// Of the made-up clock, in microseconds since its beginning.
using Micros = std::int64_t;
constexpr Micros kMilli = 1'000;
constexpr Micros kSecond = 1'000'000;

// All that is left to chance. The same seed gives the same numbers with every compiler.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  bool chance(double probability);
  std::int64_t between(std::int64_t low, std::int64_t high);  // both included
  // As often between 1 ms and 10 ms as between 1 s and 10 s.
  Micros wide(Micros low, Micros high);

 private:
  std::uint64_t state_;
};

// Thrown through the product's code out of a call of librdkafka: kill -9.
struct Killed {};

class World;
class Stack;

// One process, or one thread of it: what runs on its own stack, until it ends or is killed, and the
// events that belong to it. Made by World::start.
class Process {
 public:
  Process(std::string name, std::function<void()> body);
  ~Process();
  const std::string& name() const { return name_; }
  bool alive() const { return alive_; }  // not killed
  bool ended() const { return ended_; }  // killed, or its body has returned
  Micros frozen_until() const { return frozen_until_; }

 private:
  friend class World;
  struct Context;
  std::string name_;
  std::function<void()> body_;
  std::unique_ptr<Context> context_;
  bool alive_ = true;
  bool ended_ = false;
  bool begun_ = false;
  Micros frozen_until_ = 0;
  std::vector<std::weak_ptr<Process>> others_;  // threads of the same
  std::uint64_t sleep_ = 0;    // numbers the waits, so that a late wake-up meets nobody
  std::uint64_t stirred_ = 0;  // the wait that ends already
};

// A made-up machine room: one clock, one thing at a time. Processes go on until they wait; then
// the clock jumps to what is due next.
class World {
 public:
  explicit World(std::uint64_t seed) : dice(seed) {}
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Dice dice;
  Micros now() const { return now_; }

  // Something that happens whoever lives.
  void after(Micros delay, std::function<void()> what);
  // Something a process does beside its body: not while it is frozen, never once it is gone.
  void after(Micros delay, const std::shared_ptr<Process>& who, std::function<void()> what);

  std::shared_ptr<Process> start(std::string name, std::function<void()> body);
  // These are threads of one: what kills or freezes one does so to all.
  static void bind(const std::vector<std::shared_ptr<Process>>& threads);
  // The process whose body runs now; null outside of all.
  Process* current() const { return current_; }
  std::shared_ptr<Process> current_process() const;

  // Called by a body. Each may throw Killed.
  void wait_until(Micros when);  // or until something has happened
  void pass(Micros span);        // whatever happens

  // Lets a waiting body look again, or all of them.
  void stir(const std::shared_ptr<Process>& process);
  void stir();

  void kill(Process& process);
  void freeze(Process& process, Micros span);

  // Until `done` or the moment; false: the moment came, or there were too many steps.
  bool run(Micros until, const std::function<bool()>& done);

  // What happened, for people; kept only when it was asked for.
  bool tracing = false;
  template <class Text>
  void trace(const Text& text) {
    if (tracing) note(text());
  }
  std::vector<std::string> notes;
  std::uint64_t steps() const { return steps_; }

 private:
  struct Event {
    Micros due;
    std::uint64_t number;  // of equally due ones the older is first
    std::function<void()> what;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.due != b.due ? a.due > b.due : a.number > b.number;
    }
  };

  void resume(const std::shared_ptr<Process>& process);
  void suspend();
  void enter(Process& process);
  void kill_one(Process& process);
  void note(std::string text);
  void plan_wake(const std::shared_ptr<Process>& process, Micros when);

  Micros now_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t steps_ = 0;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<std::shared_ptr<Process>> processes_;
  Process* current_ = nullptr;
};

}  // namespace vigie::model
