#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "state/authors.h"
#include "state/counters.h"

namespace vigie {

// What is told of the people who write, and of the ambassadors who answer them: made from counters
// and from when authors were first seen, so that each number can be recounted. The formulas stand
// in FORMULAS.md. Any thread.

constexpr std::size_t kMostThemeHours = 200'000;

// One author by themselves. Hours are whole ones. Invalid when themes times the hours in which the
// author did something, of the last eight days, are more than kMostThemeHours.
struct AuthorSummary {
  std::optional<Time> first_seen;  // receipt of their first kept message
  std::optional<Hour> last_hour;   // the last one that holds a message of theirs
  Measures total{};                // of hours `first` to `last`
  struct Theme {
    std::string id;
    Measures total{};
  };
  std::vector<Theme> themes;  // those with anything, of the last eight days of that
};
Result<AuthorSummary> author_summary(const CounterReader& counters,
                                     const FirstSeenReader& first_seen, const AuthorKey& author,
                                     std::span<const std::string> themes, Hour first, Hour last);

// Members of a span of hours: authors with a mention in it. Newcomers were not seen before it
// began, the others return.
struct MemberSpan {
  Hour begin = 0;
  Hour end = 0;  // not included
  std::int64_t members = 0;
  std::int64_t newcomers = 0;
  std::int64_t returning() const { return members - newcomers; }
};
constexpr std::size_t kMostMembers = 2'000'000;
constexpr std::size_t kMostMemberSpans = 8;
// `edges` ascend; each two neighbours are a span, kMostMemberSpans at most. Invalid when more than
// kMostMembers authors wrote.
Result<std::vector<MemberSpan>> members_by_span(const CounterReader& counters,
                                                const FirstSeenReader& first_seen,
                                                std::span<const Hour> edges);

// An ambassador's activity: messages by and about them, each worth half as much after every
// kActivityHalfLife before `end`.
constexpr std::chrono::hours kActivityHalfLife{7 * 24};
// How long before and after an answer an author's mentions of the brand are compared.
constexpr std::chrono::hours kNurtured{28 * 24};
constexpr std::size_t kMostAnswered = 20'000;

struct AmbassadorSummary {
  std::int64_t by = 0;
  std::int64_t about = 0;
  double activity = 0;
  std::int64_t answers = 0;
  // Of the authors answered in the window: how many, and how often they mention the brand in the
  // kNurtured before the hour of the first answer, and after it.
  std::int64_t answered = 0;
  std::int64_t nurtured = 0;  // those who do so more often after than before
  std::int64_t pending = 0;   // those whose time after the answer is not over yet
  std::int64_t before = 0;
  std::int64_t after = 0;
};
// Of `end`, hours `first` to `last`. Takes the authors that were answered from `budget`; Invalid
// when they are more.
Result<AmbassadorSummary> ambassador_summary(const CounterReader& counters,
                                             std::string_view ambassador, std::string_view brand,
                                             Hour first, Hour last, Time end, std::size_t& budget);

}  // namespace vigie
