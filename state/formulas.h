#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "state/counter_key.h"

namespace vigie {

// How a number is made from counts. An answer names the formula and its version, so that whoever
// recounts knows what to do; another way of counting is another version. FORMULAS.md says the same
// with examples, which are tests.
struct Formula {
  std::string_view id;  // "engagement_rate"
  std::int64_t version = 1;
  std::string_view is;  // one line
};
enum class FormulaId : std::uint8_t {
  ShareOfVoice,
  EngagementRate,
  EngagementPerMention,
  ClickThrough,
  ConversionRate,
  Change,
  PlaceShare,
  BestTimes,
  ReplyRate,
  ResponseTime,
  SlaAttainment,
  Members,
  AmbassadorActivity,
  Nurtured,
};
const Formula& formula(FormulaId id);
std::span<const Formula> formulas();

// Whole numbers that were divided, so that a reader may divide them again.
struct Ratio {
  std::int64_t part = 0;
  std::int64_t whole = 0;
  // Nothing where there is nothing to divide by. Rounded to six digits after the point.
  std::optional<double> value() const;
};

// likes + replies + shares
std::int64_t engagement_of(const Measures& measures);

Ratio share_of_voice(std::int64_t one, std::int64_t all);
Ratio engagement_rate(const Measures& measures);         // engagement / views
Ratio engagement_per_mention(const Measures& measures);  // engagement / (mentions + own)
Ratio click_through(const Measures& measures);           // clicks / views
Ratio conversion_rate(const Measures& measures);         // conversions / clicks
Ratio change(std::int64_t now, std::int64_t before);     // (now - before) / before

// Which hours of a week people are there. Hours are given in any order with their place in the week
// (0 is Monday 00:00 in the brand's zone, up to 167) and their counts; an hour of which nothing is
// counted is given, too.
class BestTimes {
 public:
  static constexpr std::size_t kSlots = 168;
  // Below these there is not enough to go by.
  static constexpr std::int64_t kLeastWeeks = 4;
  static constexpr std::int64_t kLeastMentions = 200;

  void add(std::size_t slot, const Measures& measures);

  struct Slot {
    std::size_t slot = 0;
    std::int64_t hours = 0;     // how many such hours were seen
    std::int64_t activity = 0;  // mentions + own + engagement + clicks in all of them
    double score = 0;           // activity an hour, over that of all hours: 1 is as always
  };
  // Whether every slot was seen kLeastWeeks times, and there were kLeastMentions.
  bool enough() const;
  std::int64_t mentions() const { return mentions_; }
  std::int64_t weeks() const;  // how often the slot that was seen least was seen
  // By score, the earlier of equal ones first. Empty unless there is enough.
  std::vector<Slot> ranked() const;

 private:
  std::array<Slot, kSlots> slots_{};
  std::int64_t mentions_ = 0;
};

}  // namespace vigie
