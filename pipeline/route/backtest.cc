#include "pipeline/route/backtest.h"

#include <algorithm>

#include "pipeline/core/utf8.h"

namespace vigie {
namespace {

constexpr std::size_t kTextCharacters = 120;

std::size_t place(Queue queue) {
  return static_cast<std::size_t>(queue);
}

std::string start_of(std::string_view text) {
  const std::string_view start = first_code_points(text, kTextCharacters);
  return on_one_line(start) + (start.size() < text.size() ? "…" : "");
}

}  // namespace

// One of the two rule sets, what it says of the mention at hand, and where its counts stand.
struct Backtest::Side {
  std::shared_ptr<const RuleSet> rules;
  Matcher matcher;
  std::vector<BacktestTag*> tags;         // by rule; into the report's map, whose nodes stay
  std::vector<std::uint32_t> found;       // rules that tag the mention
  std::vector<const BacktestTag*> given;  // their tags, sorted by address
  Decision decision;

  void match(const Mention& mention, bool is_new) {
    Matcher::Options options;
    options.is_new_author = [&](const Mention&) { return is_new; };
    const Verdict& verdict = matcher.match(*rules, mention, options);
    decision = decide(*rules, mention, verdict);
    found.clear();
    if (verdict.brand) found.push_back(0);
    for (const auto* list : {&verdict.competitors, &verdict.themes, &verdict.campaigns}) {
      found.insert(found.end(), list->begin(), list->end());
    }
    given.clear();
    for (const std::uint32_t rule : found) given.push_back(tags[rule]);
    std::ranges::sort(given);
  }
};

Backtest::Backtest(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const RuleSet> against)
    : clock_(rules->timezone()) {
  report_.rules = rules->version();
  report_.timezone = rules->timezone();
  const auto side = [&](std::shared_ptr<const RuleSet> set, bool is_new) {
    auto out = std::make_unique<Side>();
    for (const Rule rule : set->rules()) {
      BacktestTag& tag = report_.tags[std::string(rule.label)];
      (is_new ? tag.in_new : tag.in_old) = true;
      out->tags.push_back(&tag);
    }
    for (const Route& route : set->routes()) {
      BacktestReport::RouteCounts& counts = report_.routes[route.id];
      (is_new ? counts.in_new : counts.in_old) = true;
    }
    if (set->routes().empty()) {
      (is_new ? report_.routes["default"].in_new : report_.routes["default"].in_old) = true;
    }
    out->rules = std::move(set);
    return out;
  };
  new_ = side(std::move(rules), true);
  if (!against) return;
  report_.against = against->version();
  old_ = side(std::move(against), false);
}

Backtest::~Backtest() = default;

void Backtest::add(const Mention& mention) {
  if (!brings_message(mention)) {
    ++report_.other_ops;
    return;
  }
  ++report_.matched;
  const bool is_new = authors_.first(mention);
  new_->match(mention, is_new);
  if (old_) old_->match(mention, is_new);
  count_tags(mention);

  const auto count = [](const Decision& decision, BacktestLoad& load) {
    ++load.queues[place(decision.queue)];
    if (decision.queue != Queue::None && decision.priority) {
      ++load.priorities[static_cast<std::size_t>(*decision.priority)];
    }
  };
  count(new_->decision, report_.new_load);
  if (new_->decision.route) ++report_.routes[*new_->decision.route].new_mentions;
  Queue before = Queue::None;
  if (old_) {
    before = old_->decision.queue;
    count(old_->decision, report_.old_load);
    if (old_->decision.route) ++report_.routes[*old_->decision.route].old_mentions;
    ++report_.moved[place(before)][place(new_->decision.queue)];
  }
  count_hour(mention, new_->decision.queue, before);
}

void Backtest::count_tags(const Mention& mention) {
  for (const std::uint32_t rule : new_->found) ++new_->tags[rule]->new_mentions;
  if (old_) {
    for (const std::uint32_t rule : old_->found) ++old_->tags[rule]->old_mentions;
  }
  const auto has = [](const Side* side, const BacktestTag* tag) {
    return side != nullptr && std::ranges::binary_search(side->given, tag);
  };
  for (const std::uint32_t rule : new_->found) {
    if (!has(old_.get(), new_->tags[rule])) {
      keep_example(new_->tags[rule]->added, new_->rules->rules()[rule].label, mention);
    }
  }
  if (!old_) return;
  for (const std::uint32_t rule : old_->found) {
    if (!has(new_.get(), old_->tags[rule])) {
      keep_example(old_->tags[rule]->removed, old_->rules->rules()[rule].label, mention);
    }
  }
}

void Backtest::keep_example(BacktestSide& side, std::string_view label, const Mention& mention) {
  ++side.mentions;
  // A second line about the same message is the same example.
  const std::string key = on_one_line(key_of(mention));
  if (std::ranges::find(side.first, key, &BacktestExample::key) != side.first.end()) return;
  const auto example = [&] {
    return BacktestExample{key, start_of(mention.text), mention.kind == Kind::Dm};
  };
  const bool full = examples_ >= kMostExamples;
  if (side.first.size() < BacktestSide::kFirst) {
    if (full) {
      ++report_.beyond_examples;
      return;
    }
    ++examples_;
    side.first.push_back(example());
    return;
  }
  // What hashes lowest is a sample that does not depend on how many come after it.
  const std::uint64_t hash = steady_hash(key, steady_hash(label));
  if (side.sampled.contains(hash)) return;
  if (side.sampled.size() < BacktestSide::kSampled) {
    if (full) {
      ++report_.beyond_examples;
      return;
    }
    ++examples_;
  } else if (hash > side.sampled.rbegin()->first) {
    return;
  } else {
    side.sampled.erase(std::prev(side.sampled.end()));
  }
  side.sampled.emplace(hash, example());
}

void Backtest::count_hour(const Mention& mention, Queue now, Queue before) {
  const std::optional<Time> time = event_time(mention);
  if (!time) {
    ++report_.untimed;
    return;
  }
  const LocalHour hour = clock_.of(*time);
  auto it = hours_.find(hour);
  if (it == hours_.end()) {
    if (hours_.size() >= kMostHours) {
      ++report_.beyond_hours;
      return;
    }
    it = hours_.emplace(hour, Load{}).first;
  }
  ++it->second.queues[0][place(now)];
  if (old_) ++it->second.queues[1][place(before)];
}

BacktestReport Backtest::report() const {
  BacktestReport out = report_;
  out.hours = hours_.size();
  out.beyond_authors = authors_.left_out();
  for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
    BacktestLoad& load = side == 0 ? out.new_load : out.old_load;
    for (std::size_t queue = 0; queue < load.queues.size(); ++queue) {
      std::uint64_t sum = 0;
      for (const auto& [hour, counts] : hours_) {
        const std::uint64_t here = counts.queues[side][queue];
        sum += here;
        if (here > 0 && (!load.busiest[queue] || here > load.busiest[queue]->mentions)) {
          load.busiest[queue] = {hour, here};
        }
      }
      if (!hours_.empty()) {
        load.mean_per_hour[queue] = static_cast<double>(sum) / static_cast<double>(hours_.size());
      }
    }
  }
  return out;
}

}  // namespace vigie
