#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/mention_file.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/sample_costs.h"
#include "pipeline/core/json.h"
#include "pipeline/core/yaml.h"
#include "pipeline/route/authors_seen.h"
#include "pipeline/run/rules_source.h"
#include "rules/rule_budget.h"

namespace vigie {
namespace {

struct Measured {
  RuleCosts costs;
  MentionFileRead read;
};

// Creates and updates, each on its own; every evaluation is timed.
Result<Measured> measure(const RuleSet& rules, const std::string& input) {
  Matcher matcher;
  matcher.costs().time_one_in(1);
  AuthorsSeen authors;
  bool is_new = false;
  Matcher::Options options;
  options.is_new_author = [&](const Mention&) { return is_new; };
  auto read = read_mention_file(input, [&](const Mention& mention) {
    if (!brings_message(mention)) return;
    is_new = authors.first(mention);
    matcher.match(rules, mention, options);
  });
  if (!read) return std::unexpected(std::move(read.error()));
  return Measured{matcher.costs().take(), std::move(*read)};
}

std::uint64_t nanoseconds(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// The dearest rules, with what there is to say of them.
class TopTable {
 public:
  TopTable(const RuleSet& rules, const RuleCosts& costs, std::size_t count)
      : rules_(rules),
        costs_(costs),
        top_(dearest(costs, count)),
        wordless_(needs_no_word(rules)),
        total_(total_time(costs)) {
    for (BeyondBudget& beyond : beyond_budget(rules, costs)) {
      beyond_[beyond.index] = std::move(beyond.why);
    }
    for (const RuleCost& cost : costs.each) evaluations_ += cost.evaluations;
  }

  void print() const {
    fmt::print("{} mentions, {} rules, {} routes, version {}\n", costs_.mentions,
               rules_.rules().size(), rules_.routes().size(), costs_.version);
    fmt::print("{:.1f} evaluations and {:.1f} us of them a mention\n",
               share(evaluations_, costs_.mentions), a_mention(total_));
    std::size_t width = 4;
    for (const std::uint32_t index : top_) width = std::max(width, label(index).size());
    fmt::print("\n{:<{}} {:>10} {:>12} {:>10} {:>11} {:>7}\n", "rule", width, "candidate",
               "evaluations", "matches", "us/mention", "time");
    for (const std::uint32_t index : top_) {
      const RuleCost& cost = costs_.each[index];
      fmt::print("{:<{}} {:>8.1f} % {:>12} {:>10} {:>11.2f} {:>5.1f} %{}\n", label(index), width,
                 share(cost.candidates, costs_.mentions) * 100, cost.evaluations, cost.matches,
                 a_mention(cost.time), share(nanoseconds(cost.time), nanoseconds(total_)) * 100,
                 remarks(index));
    }
    print_others();
  }

  std::string json() const {
    std::string out;
    JsonWriter json(out);
    json.begin_object().field("rules", costs_.version);
    count(json, "mentions", costs_.mentions);
    count(json, "evaluations", evaluations_);
    json.key("seconds").number(seconds(total_)).key("top").begin_array();
    for (const std::uint32_t index : top_) append(json, index);
    json.end_array().key("beyond_budget").begin_array();
    for (const auto& [index, why] : beyond_) json.string(label(index));
    json.end_array().key("needs_no_word").begin_array();
    for (std::size_t i = 0; i < wordless_.size(); ++i) {
      if (wordless_[i]) json.string(label(i));
    }
    json.end_array().end_object();
    return out;
  }

 private:
  static void count(JsonWriter& json, std::string_view name, std::uint64_t value) {
    json.field(name, static_cast<std::int64_t>(value));
  }

  std::string label(std::size_t index) const { return cost_label(rules_, index); }

  double a_mention(std::chrono::nanoseconds time) const {
    return share(nanoseconds(time), costs_.mentions) / 1000;
  }

  std::string remarks(std::uint32_t index) const {
    std::string out;
    if (wordless_[index]) out += "  no required word: evaluated for every mention";
    const auto beyond = beyond_.find(index);
    if (beyond != beyond_.end()) out += "  BEYOND BUDGET: " + beyond->second;
    return out;
  }

  // Those that deserve a word and are not among the dearest.
  void print_others() const {
    constexpr std::size_t kMost = 10;
    std::vector<std::string> lines;
    for (std::uint32_t i = 0; i < costs_.each.size(); ++i) {
      const bool told = std::ranges::find(top_, i) != top_.end();
      const std::string said = told ? "" : remarks(i);
      if (!said.empty()) lines.push_back(label(i) + said);
    }
    if (!lines.empty()) fmt::print("\nnot among the dearest:\n");
    for (std::size_t i = 0; i < std::min(kMost, lines.size()); ++i) fmt::print("{}\n", lines[i]);
    if (lines.size() > kMost) fmt::print("and {} more\n", lines.size() - kMost);
  }

  void append(JsonWriter& json, std::uint32_t index) const {
    const RuleCost& cost = costs_.each[index];
    json.begin_object().field("rule", label(index));
    count(json, "candidates", cost.candidates);
    json.key("candidate_share").number(share(cost.candidates, costs_.mentions));
    count(json, "evaluations", cost.evaluations);
    count(json, "matches", cost.matches);
    json.key("seconds").number(seconds(cost.time));
    json.key("time_share").number(share(nanoseconds(cost.time), nanoseconds(total_)));
    json.field("needs_no_word", bool{wordless_[index]}).key("beyond_budget");
    const auto beyond = beyond_.find(index);
    beyond == beyond_.end() ? json.null() : json.string(beyond->second);
    json.end_object();
  }

  const RuleSet& rules_;
  const RuleCosts& costs_;
  const std::vector<std::uint32_t> top_;
  const std::vector<bool> wordless_;
  const std::chrono::nanoseconds total_;
  std::map<std::uint32_t, std::string> beyond_;
  std::uint64_t evaluations_ = 0;
};

// Where the query of each rule stands in the file, by label.
std::map<std::string, Mark> query_marks(const YamlNode& file) {
  std::map<std::string, Mark> out;
  const auto note = [&](const std::string& label, const YamlNode& rule) {
    const YamlNode* const query = rule.find("query");
    out[label] = query != nullptr ? query->mark : rule.mark;
  };
  if (const YamlNode* brand = file.find("brand")) note("brand", *brand);
  for (const auto& [section, prefix] : {std::pair("competitors", "competitor:"),
                                        {"themes", "theme:"},
                                        {"campaigns", "campaign:"}}) {
    const YamlNode* const rules = file.find(section);
    if (rules == nullptr) continue;
    for (const YamlNode& rule : rules->items) {
      if (const YamlNode* id = rule.find("id")) note(prefix + id->text, rule);
    }
  }
  return out;
}

}  // namespace

Exit rules_top(const TopCommand& command) {
  auto source = RulesSource::open(command.rules);
  if (!source) return report(source.error());
  const std::shared_ptr<const RuleSet> rules = (*source)->current();
  auto measured = measure(*rules, command.input);
  if (!measured) return report(measured.error());
  report_bad_lines(command.input, measured->read);
  // Of an input without mentions no rule was asked.
  if (measured->costs.each.empty()) {
    measured->costs.version = rules->version();
    measured->costs.each.resize(rules->rules().size() + rules->routes().size());
  }
  const TopTable table(*rules, measured->costs, command.count);
  if (command.json) {
    fmt::print("{}\n", table.json());
  } else {
    table.print();
  }
  return measured->read.bad_lines == 0 ? Exit::Good : Exit::Input;
}

Result<SampleCosts> sample_costs(const std::string& file, std::string_view text,
                                 const RuleSet& rules, const std::string& sample) {
  auto measured = measure(rules, sample);
  if (!measured) return std::unexpected(std::move(measured.error()));
  report_bad_lines(sample, measured->read);
  SampleCosts out;
  out.bad_lines = measured->read.bad_lines;
  const RuleCosts& costs = measured->costs;
  if (costs.mentions < RuleBudget::kMentions) {
    say(fmt::format("{}: holds {} mentions to match; {} are needed to tell what a rule costs\n",
                    sample, costs.mentions, RuleBudget::kMentions));
    return out;
  }
  const auto yaml = parse_yaml(text, file);
  std::map<std::string, Mark> marks;
  if (yaml) marks = query_marks(*yaml);
  const std::vector<bool> wordless = needs_no_word(rules);
  for (std::size_t i = 0; i < rules.rules().size(); ++i) {
    const RuleCost& cost = costs.each[i];
    const double candidates = share(cost.candidates, costs.mentions);
    // What matches half of what it is looked at for is worth it.
    if (cost.evaluations == 0 || candidates <= RuleBudget::kCandidates ||
        cost.matches * 2 >= cost.candidates)
      continue;
    const std::string label(rules.rules()[i].label);
    const char* const hint =
        wordless[i] ? "it needs no word, so each mention is asked; add a word that has to be there"
                    : "the words it needs are common; add a rarer one that has to be there";
    out.warnings.push_back(
        {.is_error = false,
         .file = file,
         .line = marks[label].line,
         .column = marks[label].column,
         .message = fmt::format("{}: a candidate for {:.1f} % of the sample (limit {:.0f} %), and "
                                "{:.1f} % of those match: {}",
                                label, candidates * 100, RuleBudget::kCandidates * 100,
                                share(cost.matches, cost.candidates) * 100, hint)});
  }
  std::ranges::sort(out.warnings, {}, [](const Diagnostic& diagnostic) {
    return std::pair(diagnostic.line, diagnostic.column);
  });
  return out;
}

}  // namespace vigie
