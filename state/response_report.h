#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "state/formulas.h"
#include "state/queues.h"
#include "state/work_hours.h"

namespace vigie {

// How fast people were answered, from the items that are kept. FORMULAS.md says what each number
// is.
class ResponseReport {
 public:
  // Of what was opened, and what was answered, in (from, until]. `now` is how far the items go:
  // clocks that run are looked at then.
  ResponseReport(Time from, Time until, Time now) : from_(from), until_(until), now_(now) {}

  void add(const QueueItem& item, const WorkHours& hours);

  struct Times {
    std::size_t responses = 0;
    // Nothing without responses.
    std::optional<std::chrono::seconds> median;
    std::optional<std::chrono::seconds> p90;
  };
  Times first() const { return times(first_); }
  Times next() const { return times(next_); }
  // The same, counting business hours alone.
  Times first_worked() const { return times(first_worked_); }
  Times next_worked() const { return times(next_worked_); }

  std::int64_t items() const { return items_; }        // opened in the window, not withdrawn
  std::int64_t answered() const { return answered_; }  // of these
  Ratio reply_rate() const { return {answered_, items_}; }

  // Of responses that had an SLA.
  std::int64_t met() const { return met_; }
  std::int64_t missed() const { return missed_; }    // given too late
  std::int64_t overdue() const { return overdue_; }  // still owed, and too late by now
  std::int64_t at_risk() const { return at_risk_; }  // still owed, and in time by now
  Ratio sla_attainment() const { return {met_, met_ + missed_ + overdue_}; }
  // If all that is owed were missed.
  Ratio sla_at_worst() const { return {met_, met_ + missed_ + overdue_ + at_risk_}; }

 private:
  static Times times(std::vector<std::chrono::seconds> taken);
  bool is_in(Time time) const { return time > from_ && time <= until_; }

  Time from_;
  Time until_;
  Time now_;
  std::int64_t items_ = 0;
  std::int64_t answered_ = 0;
  std::int64_t met_ = 0;
  std::int64_t missed_ = 0;
  std::int64_t overdue_ = 0;
  std::int64_t at_risk_ = 0;
  std::vector<std::chrono::seconds> first_;
  std::vector<std::chrono::seconds> next_;
  std::vector<std::chrono::seconds> first_worked_;
  std::vector<std::chrono::seconds> next_worked_;
};

}  // namespace vigie
