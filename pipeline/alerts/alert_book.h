#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/alerts/alert.h"
#include "pipeline/core/error.h"

namespace vigie {

// Alerts by id as the records of topic `alerts` leave them: the firing ones and the last resolved
// ones. Any thread may call it.
class AlertBook {
 public:
  static constexpr std::size_t kResolved = 1'000;
  explicit AlertBook(std::size_t resolved_kept = kResolved) : resolved_kept_(resolved_kept) {}

  // One record. Without a value (a tombstone) the alert is forgotten. Corrupt when the value is no
  // alert or `key` is not its id; the book is as before. An alert that is resolved stays so.
  // Whether the record says anything new of its alert: it may come more than once.
  Result<bool> fold(std::string_view key, std::optional<std::string_view> value);

  // JSON of the alerts that fire, newest first (by `started_at`, then id).
  std::vector<std::string> firing() const;
  // JSON of the last resolved ones, the last one to resolve first; at most `max`.
  std::vector<std::string> resolved(std::size_t max) const;
  // JSON of one alert; empty when it is not known any more.
  std::optional<std::string> find(std::string_view id) const;

  // Every kind and state, also those with none. Resolved ones are those still kept.
  struct Count {
    AlertKind kind = AlertKind::Surge;
    AlertState state = AlertState::Firing;
    std::size_t alerts = 0;
  };
  std::vector<Count> counts() const;

 private:
  struct Entry {
    AlertKind kind = AlertKind::Surge;
    AlertState state = AlertState::Firing;
    Time started_at{};
    std::string json;
    std::list<std::string>::iterator place{};  // in `resolved_`, when it is
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  void forget(Entries::iterator entry);

  const std::size_t resolved_kept_;
  mutable std::mutex mutex_;
  Entries entries_;
  std::list<std::string> resolved_;  // ids, the last one to resolve first
};

}  // namespace vigie
