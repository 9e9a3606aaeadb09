#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "state/counters.h"

namespace vigie {

enum class AlertKind : std::uint8_t { Surge };
std::string_view name(AlertKind kind);
std::optional<AlertKind> parse_alert_kind(std::string_view text);

enum class AlertState : std::uint8_t { Firing, Resolved };
std::string_view name(AlertState state);
std::optional<AlertState> parse_alert_state(std::string_view text);

// Why an alert fired: enough to check it by hand. Numbers and keys only, never a mention's text.
struct AlertEvidence {
  std::string method;                 // "poisson", or "fixed" while the history is too short
  std::string baseline_from;          // "hour_of_week", "last_day" or "since_start"
  std::int64_t baseline_hours = 0;    // how many hour buckets the baseline is a mean of
  double ratio = 0;                   // count over baseline
  double tail = 1;                    // P(Poisson(baseline) >= count)
  std::vector<std::string> examples;  // `network/id` of mentions; the detector leaves it empty
  friend bool operator==(const AlertEvidence&, const AlertEvidence&) = default;
};

// One alert as of one of its state changes. Counts are those of the minute in which it fired, also
// in the record that resolves it; only `peak` and `resolved_at` differ there.
struct Alert {
  std::string id;  // 32 hex digits; the key of its records
  AlertKind kind = AlertKind::Surge;
  AlertState state = AlertState::Firing;
  Series series;
  Time started_at{};                // start of the minute that made it fire
  std::optional<Time> resolved_at;  // start of the minute that resolved it
  std::int64_t count = 0;           // mentions in the window
  std::int64_t peak = 0;            // the largest count while it fired
  double baseline = 0;              // mentions expected in a window
  double z = 0;
  std::int64_t authors = 0;  // distinct, in the hours the window touches
  std::chrono::minutes window{0};
  std::string rules_version;  // empty: not told
  AlertEvidence evidence;
  friend bool operator==(const Alert&, const Alert&) = default;
};

// The same for the same arguments on every machine and in every build.
std::string alert_id(AlertKind kind, const Series& series, Minute start);

// The value of its record in topic `alerts`: one JSON object, first its format version.
void append_json(std::string& out, const Alert& alert);
// Corrupt when `json` is not an alert of this format.
Result<Alert> parse_alert(std::string_view json);

}  // namespace vigie
