#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/log/event_log.h"
#include "state/authors.h"
#include "state/store.h"

namespace prometheus {
class Registry;
}

namespace vigie {

class EmbeddedLog;
class ErasureBook;

// Sees erasures through to their end. A worker erases an author from the state of its partitions;
// here the log forgets the records, in place, and the files of the store what once stood in them.
// With Kafka the topics forget by their retention, and only the files are cleaned. Any thread asks;
// one sweeps. What it is given outlives it.
class Erasures {
 public:
  struct Parts {
    EventLog& log;
    EmbeddedLog* embedded = nullptr;  // null: the log is elsewhere
    Store& store;                     // the workers'
    const AuthorKeys& keys;
    Clock clock;
    // Asks the detectors to save what they remember now; they do so by themselves about once an
    // hour. May be empty.
    std::function<void()> save_detectors;
  };
  Erasures(Parts parts, prometheus::Registry& registry);
  ~Erasures();

  // Keeps all that is asked in a file beside the store, for stores that are restored from before;
  // adds what the store knows. Before the first erasure is asked for.
  Result<void> keep_book(const std::filesystem::path& file);
  // Everything in that file.
  std::vector<Erased> in_book() const;

  // The name under which an author's erasure is asked for.
  std::string id_of(std::string_view network, std::string_view author_id) const;

  // An erasure is in the log: from now on it is late until it is done everywhere.
  void asked(std::string_view network, std::string_view author_id, Time asked_at);

  // One look at what is left to be done. True when nothing is.
  Result<bool> sweep();
  // The same, and not so often that it would take more than a tenth of the time.
  Result<void> step();

  struct Status {
    bool done = false;
    Time asked_at{};
    std::optional<Time> done_at;
    std::int64_t messages = 0;
    std::int64_t mentions = 0;
  };
  // Nothing when no such erasure is known.
  Result<std::optional<Status>> status(std::string_view id) const;

 private:
  void late(const std::string& id, Time asked_at);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The status for people and programs; nothing when no such erasure is known.
Result<std::optional<std::string>> erasure_json(const Erasures& erasures, std::string_view id);

}  // namespace vigie
