#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/mention.h"
#include "pipeline/route/authors_seen.h"
#include "pipeline/route/local_hours.h"
#include "pipeline/route/route.h"
#include "rules/rule_set.h"

namespace vigie {

class JsonWriter;

// One message that shows what a rule does.
struct BacktestExample {
  std::string key;   // network/id
  std::string text;  // one line, cut
  bool dm = false;   // the text of a direct message
};

// Messages that have a tag on one side only: how many, the first of them, and of the others those
// whose key and rule hash lowest. The same input gives the same ones.
struct BacktestSide {
  static constexpr std::size_t kFirst = 3;
  static constexpr std::size_t kSampled = 3;

  std::uint64_t mentions = 0;
  std::vector<BacktestExample> first;
  std::map<std::uint64_t, BacktestExample> sampled;
};

// What became of one rule's tag. Without a set to compare with, every tag is added.
struct BacktestTag {
  bool in_old = false;
  bool in_new = false;
  std::uint64_t old_mentions = 0;
  std::uint64_t new_mentions = 0;
  BacktestSide added;
  BacktestSide removed;
};

// What one rule set would have put before people.
struct BacktestLoad {
  struct Busiest {
    LocalHour hour;
    std::uint64_t mentions = 0;
  };
  std::array<std::uint64_t, 3> queues{};  // by Queue
  std::array<double, 3> mean_per_hour{};
  std::array<std::optional<Busiest>, 3> busiest;  // the first of those with as many
  std::array<std::uint64_t, 4> priorities{};      // of what is queued, by Priority
};

struct BacktestReport {
  std::string rules;                        // version
  std::optional<std::string> against;       // version
  std::string timezone;                     // of the new rules; hours are told in it
  std::uint64_t matched = 0;                // creates and updates, each on its own
  std::uint64_t other_ops = 0;              // everything else: not matched
  std::uint64_t untimed = 0;                // matched, without an event time: in no hour
  std::map<std::string, BacktestTag> tags;  // by label; rules that tagged nothing in neither, too
  BacktestLoad new_load;
  BacktestLoad old_load;
  // Of queued and unqueued: how many messages went from one queue to another, by Queue.
  std::array<std::array<std::uint64_t, 3>, 3> moved{};
  struct RouteCounts {
    bool in_old = false;
    bool in_new = false;
    std::uint64_t old_mentions = 0;
    std::uint64_t new_mentions = 0;
  };
  std::map<std::string, RouteCounts> routes;  // by id; "default" where a file has none
  std::uint64_t hours = 0;                    // that a matched mention fell in
  // What the bounds left out: mentions of further hours and of further authors, and examples.
  std::uint64_t beyond_hours = 0;
  std::uint64_t beyond_authors = 0;
  std::uint64_t beyond_examples = 0;
};

// What a change of rules would have done to mentions of the past. Each create and update is matched
// on its own, by both sets, as if it were the only one; `author:new` is an author's first line.
// Pure: no clock, no files. One thread.
//
// Memory does not grow with the input: beside what each rule and route needs, kMostHours hours,
// kMostExamples examples of 120 characters, and AuthorsSeen::kMost authors. What is beyond is
// counted.
class Backtest {
 public:
  static constexpr std::size_t kMostHours = 20'000;
  static constexpr std::uint64_t kMostExamples = 100'000;

  // `against` may be null.
  Backtest(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const RuleSet> against);
  ~Backtest();

  void add(const Mention& mention);
  BacktestReport report() const;

 private:
  struct Side;
  struct Load {
    std::array<std::array<std::uint64_t, 3>, 2> queues{};  // new, old; by Queue
  };

  void count_tags(const Mention& mention);
  void count_hour(const Mention& mention, Queue now, Queue before);
  void keep_example(BacktestSide& side, std::string_view label, const Mention& mention);

  std::unique_ptr<Side> new_;
  std::unique_ptr<Side> old_;  // null without `against`
  BacktestReport report_;
  std::map<LocalHour, Load> hours_;
  LocalHours clock_;
  AuthorsSeen authors_;
  std::uint64_t examples_ = 0;
};

// The fields of a report, in an object that the caller has begun.
void append_fields(JsonWriter& json, const BacktestReport& report);

}  // namespace vigie
