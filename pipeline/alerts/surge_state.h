#pragma once

// What a surge detector remembers. Private to this folder.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/alerts/alert.h"
#include "pipeline/core/bytes.h"
#include "pipeline/core/error.h"
#include "state/cut.h"

namespace vigie {

// Weeks whose same hour makes the baseline. One less than the five of which hours are kept: the
// oldest hours of the fifth may expire while they are needed.
constexpr std::int64_t kBaselineWeeks = 4;
constexpr std::int64_t kHoursAWeek = 168;
constexpr std::int64_t kHoursRemembered = kBaselineWeeks * kHoursAWeek + 2;
// Cuts of one partition that wait for another partition: a day and an hour of minutes.
constexpr std::size_t kPendingCuts = 1'500;

// Non-zero values by bucket, sorted; most changes are at the end.
class SurgeBuckets {
 public:
  void set(std::int32_t bucket, std::int64_t mentions);
  std::int64_t get(std::int64_t bucket) const;
  std::int64_t sum(std::int64_t first, std::int64_t last) const;  // both included
  void drop_before(std::int64_t bucket);
  void clear() { values_.clear(); }
  bool empty() const { return values_.empty(); }

  void save(std::string& out) const;
  bool load(ByteReader& in);

 private:
  std::vector<std::pair<std::int32_t, std::int64_t>> values_;
};

struct SurgeFiring {
  Alert alert;
  std::int64_t start = 0;
  std::int64_t last_loud = 0;  // the last minute that was not calm
};

struct SurgeSeries {
  struct Part {
    SurgeBuckets minutes;
    SurgeBuckets hours;
    std::map<Hour, std::vector<std::uint64_t>> authors;
  };
  std::vector<Part> parts;  // by partition
  std::optional<SurgeFiring> firing;
  std::uint8_t votes = 0;  // of the last three minutes up to `voted`, the latest in bit 0
  std::int64_t voted = 0;
  std::int64_t cool_until = 0;   // the first minute that may fire again
  std::int64_t shift_until = 0;  // until then weeks before are no measure: its level has changed
  std::vector<std::pair<std::int32_t, std::int32_t>> left_out;  // hours in which it surged, [a, b]

  std::int64_t mentions(Granularity granularity, std::int64_t first, std::int64_t last) const;
  std::int64_t authors(std::int64_t first_hour, std::int64_t last_hour) const;
  bool is_left_out(std::int64_t hour) const;
  bool empty() const;
};

struct SeriesOrder {
  bool operator()(const Series& a, const Series& b) const;
};

class SurgeState {
 public:
  SurgeState(std::int32_t partitions, std::size_t max_series)
      : partitions_(static_cast<std::size_t>(partitions)), max_series_(max_series) {}

  struct Counts {
    std::uint64_t refused_series = 0;
    std::uint64_t merged_cuts = 0;
    std::uint64_t ignored_cuts = 0;
  };

  // Keeps the cut until its minute is judged.
  void push(const Cut& cut);
  // Whether a minute can be judged; from the first time on `since` and `next` are set.
  bool ready();
  // Brings every partition's values to those of `next`. Buckets before `window` minutes are left
  // out.
  void apply(std::int64_t window);
  // The last minute until which no cut changes anything; at least `next`, once that is applied.
  std::int64_t unchanged_until() const;
  // Forgets what minutes after `next` do not need, and steps to `to`.
  void step(std::int64_t to, std::int64_t window);

  std::int64_t next() const { return next_; }    // the minute to judge
  std::int64_t since() const { return since_; }  // the first minute judged
  std::int64_t first_whole_hour() const { return (since_ + 59) / 60; }
  bool started() const { return started_; }

  using Map = std::map<Series, SurgeSeries, SeriesOrder>;
  // Series with mentions in the window, or that fire.
  using Active = std::map<Series, SurgeSeries*, SeriesOrder>;
  Active& active() { return active_; }
  std::size_t size() const { return series_.size(); }
  const Counts& counts() const { return counts_; }

  std::string save() const;
  Result<void> load(std::string_view bytes);

 private:
  struct Source {
    bool seen = false;
    std::int64_t last = 0;     // minute of the newest cut
    std::int64_t applied = 0;  // minute of the newest cut in the values
    std::deque<Cut> pending;
  };
  void apply(std::size_t partition, const Cut& cut, std::int64_t window);
  SurgeSeries* series_of(const Series& series);
  void sweep(std::int64_t hour);
  bool load_partitions(ByteReader& in);
  bool load_series(ByteReader& in);
  static void merge(Cut& into, Cut&& next);

  std::vector<Source> partitions_;
  std::size_t max_series_;
  bool started_ = false;
  std::int64_t since_ = 0;
  std::int64_t next_ = 0;
  Map series_;
  Active active_;
  Counts counts_;
};

}  // namespace vigie
