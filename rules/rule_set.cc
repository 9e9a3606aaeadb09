#include "rules/rule_set.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <xxhash.h>

#include "rules/plan.h"
#include "rules/query_compiler.h"
#include "rules/rule_file.h"

namespace vigie {
namespace {

// Part of every version: raised when the same file begins to give other answers.
constexpr std::string_view kLanguage = "vigie rules 3";

// Writes what can change an answer, each text with its length, so that no two files write the same.
class VersionText {
 public:
  void add(std::string_view text) {
    text_ += fmt::format("{}:", text.size());
    text_ += text;
  }
  void add(std::optional<Time> time) { add(time ? format_time(*time) : ""); }
  void add(const std::vector<Account>& accounts) {
    add(fmt::format("{}", accounts.size()));
    for (const Account& account : accounts) {
      add(account.network);
      add(account.handle);
      add(account.id);
    }
  }
  std::string hash() const {
    return fmt::format("{:016x}", XXH3_64bits(text_.data(), text_.size()));
  }

 private:
  std::string text_;
};

std::string version_of(const RuleFile& file) {
  VersionText text;
  text.add(kLanguage);
  text.add(file.brand_id);
  text.add(file.timezone);
  for (const OpenHours& hours : file.open_hours) {
    text.add(fmt::format("{} {} {}", hours.weekday, hours.begin, hours.end));
  }
  text.add(file.accounts);
  text.add(file.ambassadors);
  for (const auto& [id, accounts] : file.lists) {
    text.add(id);
    text.add(accounts);
  }
  for (const RuleSource& rule : file.rules) {
    text.add(rule.label);
    text.add(rule.query.node.text);
    text.add(rule.from);
    text.add(rule.until);
  }
  for (const RouteSource& route : file.routes) {
    text.add(route.route.id);
    text.add(route.when.node.text);
    text.add(name(route.route.queue));
    text.add(name(route.route.priority));
    text.add(fmt::format("{}", route.route.sla ? route.route.sla->count() : 0));
    // Only where there is one, so that files without it keep their version.
    if (route.route.resolve) text.add(fmt::format("resolve {}", route.route.resolve->count()));
  }
  return text.hash();
}

class Builder {
 public:
  Builder(const RuleFile& file, Diagnostics& diagnostics)
      : file_(file),
        diagnostics_(diagnostics),
        context_(context_of(file)),
        compiler_(plan_, context_) {
    for (const auto& [id, accounts] : file.lists) plan_.lists.emplace_back(accounts);
    plan_.accounts = AccountSet(file.accounts);
    plan_.ambassadors = AccountSet(file.ambassadors);
  }

  RuleSet::Plan build() {
    for (std::uint32_t i = 0; i < file_.rules.size(); ++i) {
      const RuleSource& rule = file_.rules[i];
      const bool brand = rule.kind == RuleKind::Brand;
      const auto where = brand ? FieldContext::Where::Brand : FieldContext::Where::Rule;
      plan_.rules.push_back(root_of(rule.query, where));
      if (rule.from || rule.until)
        plan_.windows.emplace(i, RuleSet::Plan::Window{rule.from, rule.until});
      plan_.has_brand = plan_.has_brand || brand;
      if (rule.kind == RuleKind::Campaign) plan_.campaigns.emplace(rule.id, i);
      for (const CaseSource& source : rule.cases)
        plan_.cases.push_back({source, rule.label, false, i});
    }
    for (std::uint32_t i = 0; i < file_.routes.size(); ++i) {
      const RouteSource& route = file_.routes[i];
      plan_.routes.push_back(root_of(route.when, FieldContext::Where::Route));
      for (const CaseSource& source : route.cases) {
        plan_.cases.push_back({source, fmt::format("route:{}", route.route.id), true, i});
      }
    }
    if (!diagnostics_.has_errors()) plan_.freeze();
    return std::move(plan_);
  }

 private:
  std::uint32_t root_of(const QuerySource& query, FieldContext::Where where) {
    if (!query.root) return 0;
    std::vector<QueryIssue> issues;
    const std::optional<std::uint32_t> root = compiler_.compile(*query.root, where, issues);
    for (const QueryIssue& issue : issues) diagnostics_.add(query.node, issue);
    return root.value_or(0);
  }

  const RuleFile& file_;
  Diagnostics& diagnostics_;
  FieldContext context_;
  RuleSet::Plan plan_;
  QueryCompiler compiler_;
};

}  // namespace

bool may_be_queued(const Mention& mention, const Verdict& verdict) {
  const bool relevant = verdict.brand || !verdict.themes.empty() || !verdict.campaigns.empty() ||
                        verdict.to_brand || verdict.to_ambassador || mention.kind == Kind::Dm;
  const bool silent = mention.kind == Kind::Click || mention.kind == Kind::Conversion ||
                      mention.kind == Kind::Reaction;
  return brings_message(mention) && relevant && !silent && !verdict.by_brand &&
         !verdict.by_ambassador;
}

Rule RuleList::operator[](std::size_t index) const {
  const std::size_t end = index + 1 < begins_.size() ? begins_[index + 1] : texts_.size();
  const std::string_view text =
      std::string_view(texts_).substr(begins_[index], end - begins_[index]);
  if (kinds_[index] != RuleKind::Brand) {
    return {kinds_[index], text.substr(text.find(':') + 1), text};
  }
  return {RuleKind::Brand, text.substr(kBrandLabel.size()), text.substr(0, kBrandLabel.size())};
}

void RuleList::reserve(std::size_t rules, std::size_t bytes) {
  texts_.reserve(bytes);
  begins_.reserve(rules);
  kinds_.reserve(rules);
}

void RuleList::add(RuleKind kind, std::string_view id, std::string_view label) {
  begins_.push_back(static_cast<std::uint32_t>(texts_.size()));
  kinds_.push_back(kind);
  texts_ += label;
  if (kind == RuleKind::Brand) texts_ += id;
}

RuleSet::RuleSet() = default;
RuleSet::~RuleSet() = default;

RuleSet::Compiled RuleSet::compile(std::string_view yaml, std::string_view file) {
  Compiled result;
  Diagnostics diagnostics(yaml, file);
  const RuleFile source = read_rule_file(yaml, file, diagnostics);
  Plan plan = Builder(source, diagnostics).build();
  if (!diagnostics.has_errors()) {
    std::shared_ptr<RuleSet> rules(new RuleSet);
    rules->version_ = version_of(source);
    rules->brand_id_ = source.brand_id;
    rules->timezone_ = source.timezone;
    rules->open_hours_ = source.open_hours;
    rules->ambassadors_ = plan.ambassadors.names();
    std::size_t bytes = 0;
    for (const RuleSource& rule : source.rules) bytes += rule.label.size();
    rules->rules_.reserve(source.rules.size(), bytes + source.brand_id.size());
    for (const RuleSource& rule : source.rules) rules->rules_.add(rule.kind, rule.id, rule.label);
    for (const RouteSource& route : source.routes) rules->routes_.push_back(route.route);
    rules->plan_ = std::make_unique<Plan>(std::move(plan));
    result.rules = std::move(rules);
  }
  result.diagnostics = diagnostics.take();
  return result;
}

std::string_view name(Queue queue) {
  switch (queue) {
    case Queue::None:
      return "none";
    case Queue::Social:
      return "social";
    case Queue::Community:
      return "community";
  }
  return "none";
}

std::string_view name(Priority priority) {
  switch (priority) {
    case Priority::Low:
      return "low";
    case Priority::Normal:
      return "normal";
    case Priority::High:
      return "high";
    case Priority::Urgent:
      return "urgent";
  }
  return "normal";
}

}  // namespace vigie
