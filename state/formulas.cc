#include "state/formulas.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vigie {
namespace {

constexpr std::array<Formula, 14> kFormulas = {{
    {"share_of_voice", 1, "mentions (or authors) of one, over the sum of brand and competitors"},
    {"engagement_rate", 1, "(likes + replies + shares) / views"},
    {"engagement_per_mention", 1, "(likes + replies + shares) / (mentions + own)"},
    {"click_through", 1, "clicks / views"},
    {"conversion_rate", 1, "conversions / clicks"},
    {"change", 1, "(this window - the window before) / the window before"},
    {"place_share", 1, "mentions of one place, over those of all places that are known"},
    {"best_times", 1,
     "activity in an hour of the week, over that in any hour; activity = mentions + own + likes + "
     "replies + shares + clicks, in the brand's time zone"},
    {"reply_rate", 1, "items opened in the window that were answered, over all of them"},
    {"response_time", 1,
     "median and 90th percentile (nearest rank) of the time from what was owed to its answer"},
    {"sla_attainment", 1,
     "responses in time, over those in time, too late, and overdue; what is owed and not yet due "
     "is told beside it"},
    {"members", 1,
     "authors with a mention in the week; newcomers were not seen before it began, the others "
     "return"},
    {"ambassador_activity", 1,
     "messages by the ambassador and to or about them, each worth half as much after every 7 days"},
    {"nurtured", 1,
     "authors an ambassador answered: mentions of the brand in the 28 days after the hour of the "
     "first answer, and in the 28 days before it"},
}};

}  // namespace

const Formula& formula(FormulaId id) {
  return kFormulas[static_cast<std::size_t>(id)];
}

std::span<const Formula> formulas() {
  return kFormulas;
}

std::optional<double> Ratio::value() const {
  if (whole == 0) return std::nullopt;
  constexpr double kDigits = 1e6;
  return std::round(static_cast<double>(part) / static_cast<double>(whole) * kDigits) / kDigits;
}

std::int64_t engagement_of(const Measures& measures) {
  return at(measures, Measure::Likes) + at(measures, Measure::Replies) +
         at(measures, Measure::Shares);
}

Ratio share_of_voice(std::int64_t one, std::int64_t all) {
  return {one, all};
}

Ratio engagement_rate(const Measures& measures) {
  return {engagement_of(measures), at(measures, Measure::Views)};
}

Ratio engagement_per_mention(const Measures& measures) {
  return {engagement_of(measures), at(measures, Measure::Mentions) + at(measures, Measure::Own)};
}

Ratio click_through(const Measures& measures) {
  return {at(measures, Measure::Clicks), at(measures, Measure::Views)};
}

Ratio conversion_rate(const Measures& measures) {
  return {at(measures, Measure::Conversions), at(measures, Measure::Clicks)};
}

Ratio change(std::int64_t now, std::int64_t before) {
  return {now - before, before};
}

void BestTimes::add(std::size_t slot, const Measures& measures) {
  Slot& to = slots_[slot];
  ++to.hours;
  to.activity += at(measures, Measure::Mentions) + at(measures, Measure::Own) +
                 engagement_of(measures) + at(measures, Measure::Clicks);
  mentions_ += at(measures, Measure::Mentions);
}

std::int64_t BestTimes::weeks() const {
  return std::ranges::min(slots_, {}, &Slot::hours).hours;
}

bool BestTimes::enough() const {
  return weeks() >= kLeastWeeks && mentions_ >= kLeastMentions;
}

std::vector<BestTimes::Slot> BestTimes::ranked() const {
  std::vector<Slot> out;
  if (!enough()) return out;
  std::int64_t hours = 0;
  std::int64_t activity = 0;
  for (const Slot& slot : slots_) {
    hours += slot.hours;
    activity += slot.activity;
  }
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot slot = slots_[i];
    slot.slot = i;
    // In whole numbers as far as it goes, so that equal slots have equal scores. A take-back may
    // leave less than nothing in an hour; all together cannot be nothing where there are mentions.
    const Ratio score{slot.activity * hours, slot.hours * activity};
    slot.score = score.value().value_or(0);
    out.push_back(slot);
  }
  std::ranges::sort(out, {}, [](const Slot& slot) { return std::pair(-slot.score, slot.slot); });
  return out;
}

}  // namespace vigie
