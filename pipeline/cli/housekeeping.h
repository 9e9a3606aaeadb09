#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

namespace prometheus {
class Registry;
}

namespace vigie {

class Ingest;
class RuleCostBoard;
class RulesSource;
class Store;
class View;

// What a running service does beside its stations: it looks at the rule file, sends ticks, warns of
// dear rules, removes what was set aside, and keeps the gauges that nobody else owns. One thread
// calls look_at_rules() and tidy_up().
class Housekeeping {
 public:
  struct Parts {
    RulesSource& rules;
    RuleCostBoard& costs;
    Store& store;
    Store* view_store = nullptr;  // where the view has one of its own
    Ingest* ticks = nullptr;      // null where the stream brings its own time
    View* view = nullptr;         // null without that role
    // Where open_cache() sets damaged stores aside; empty: it does not.
    std::filesystem::path caches;
  };
  // The parts outlive the object, the metrics in `registry` too.
  Housekeeping(const Parts& parts, prometheus::Registry& registry);
  ~Housekeeping();

  // Puts a changed rule file into force; `asked` reads it in any case. A bad one leaves the old
  // set, is logged and counted.
  void look_at_rules(bool asked);

  // Everything else; once a second.
  void tidy_up();

  // Why the rule file as it stands is not in force; empty when it is. Any thread.
  std::string rules_trouble() const;

 private:
  struct Metrics;

  const Parts parts_;
  std::unique_ptr<Metrics> metrics_;
  mutable std::mutex mutex_;
  std::string rules_trouble_;  // guarded by mutex_
};

}  // namespace vigie
