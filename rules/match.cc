#include <algorithm>
#include <unordered_set>

#include "rules/evaluate.h"
#include "rules/fields.h"
#include "rules/plan.h"
#include "rules/postings.h"
#include "rules/questions.h"
#include "rules/rule_cost.h"
#include "rules/rule_set.h"

namespace vigie {
namespace {

bool in_window(const RuleSet::Plan& plan, std::uint32_t rule, std::optional<Time> time) {
  if (plan.windows.empty()) return true;
  const auto found = plan.windows.find(rule);
  if (found == plan.windows.end()) return true;
  const auto& [from, until] = found->second;
  return time && (!from || *time >= *from) && (!until || *time < *until);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// With each `%41` as the byte that it stands for. A `+` stays: no campaign's id has a space.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// The value of utm_campaign in the query of a URL, or nothing.
std::string utm_campaign(std::string_view url) {
  constexpr std::string_view kName = "utm_campaign=";
  url = url.substr(0, url.find('#'));
  const std::size_t query = url.find('?');
  if (query == std::string_view::npos) return {};
  for (std::string_view rest = url.substr(query + 1); !rest.empty();) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    if (pair.starts_with(kName)) return percent_decoded(pair.substr(kName.size()));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return {};
}

// In the order of labels: brand, campaign:, competitor:, theme:.
int label_order(RuleKind kind) {
  switch (kind) {
    case RuleKind::Brand:
      return 0;
    case RuleKind::Campaign:
      return 1;
    case RuleKind::Competitor:
      return 2;
    case RuleKind::Theme:
      return 3;
  }
  return 0;
}

// Adds texts to a list, each once. A few are looked for one by one, many in a set.
class AddOnce {
 public:
  explicit AddOnce(std::vector<std::string>& list) : list_(list) {}

  void add(std::string text) {
    if (text.empty()) return;
    if (list_.size() < kFew) {
      if (std::ranges::find(list_, text) != list_.end()) return;
    } else {
      if (known_.empty()) known_.insert(list_.begin(), list_.end());
      if (!known_.insert(text).second) return;
    }
    list_.push_back(std::move(text));
  }

 private:
  static constexpr std::size_t kFew = 16;
  std::vector<std::string>& list_;
  std::unordered_set<std::string> known_;
};

}  // namespace

struct Matcher::Impl {
  const RuleList* names = nullptr;  // of the set in use
  CutText cut;
  Verdict verdict;
  Facts facts;
  Evaluation evaluation;
  LearntPostings learnt;
  CostMeter costs;
  std::vector<std::uint8_t> tags;         // by rule: 1 where it tags the mention, else 0
  std::vector<std::uint32_t> queried;     // rules whose query holds
  std::vector<std::uint32_t> candidates;  // each once
  std::vector<std::uint64_t> seen;        // a bit a rule: it is among them
  std::vector<Evaluation::ByteSpan> spans;
  std::string folded;

  void clear() {
    for (const auto* list : {&verdict.themes, &verdict.campaigns, &verdict.competitors}) {
      for (const std::uint32_t rule : *list) tags[rule] = 0;
    }
    if (verdict.brand) tags[0] = 0;
    verdict.themes.clear();
    verdict.campaigns.clear();
    verdict.competitors.clear();
    verdict.spans.clear();
    verdict.hashtags.clear();
    verdict.links.clear();
    verdict.route.reset();
    verdict.brand = false;
    queried.clear();
  }

  void collect_entities(const Mention& mention) {
    AddOnce hashtags(verdict.hashtags);
    AddOnce links(verdict.links);
    if (mention.hashtags) {
      for (const std::string& tag : *mention.hashtags) {
        fold_into(folded, std::string_view(tag).substr(tag.starts_with('#') ? 1 : 0));
        hashtags.add(folded);
      }
    }
    if (mention.links) verdict.links = *mention.links;
    if (mention.hashtags && mention.links) return;
    for (const Word& word : cut.words()) {
      if (word.kind == WordKind::Hashtag && !mention.hashtags) {
        hashtags.add(std::string(word.folded));
      } else if (word.kind == WordKind::Url && !mention.links) {
        links.add(std::string(cut.text().substr(word.begin, word.end - word.begin)));
      }
    }
  }

  bool is_candidate(std::uint32_t rule) const { return (seen[rule / 64] >> (rule % 64) & 1) != 0; }

  void add_candidate(const RuleSet::Plan& plan, std::uint32_t rule) {
    if (is_candidate(rule)) return;
    seen[rule / 64] |= std::uint64_t{1} << (rule % 64);
    candidates.push_back(rule);
    __builtin_prefetch(&plan.rules[rule]);
  }

  // With very many rules nothing of this is in the caches: each step fetches what the next one
  // reads.
  void collect_candidates(const RuleSet::Plan& plan) {
    for (const std::uint32_t rule : candidates) seen[rule / 64] = 0;
    if (seen.size() * 64 < plan.rules.size()) seen.resize(plan.rules.size() / 64 + 1);
    candidates.clear();
    const Postings& postings = learnt.of(plan);
    for (const std::uint32_t rule : postings.always()) add_candidate(plan, rule);
    for (const std::uint32_t key : evaluation.present()) postings.prefetch(key);
    for (const std::uint32_t key : evaluation.present())
      __builtin_prefetch(postings.of(key).data());
    for (const std::uint32_t key : evaluation.present()) {
      for (const Posting& posting : postings.of(key)) {
        if (posting.also != Posting::kNothing && !evaluation.may_have(posting.also)) continue;
        add_candidate(plan, posting.rule);
      }
    }
    for (const std::uint32_t rule : candidates) {
      __builtin_prefetch(plan.cells.data() + plan.rules[rule]);
      costs.prefetch(rule);
    }
  }

  void tag(std::uint32_t rule) {
    if (tags[rule] != 0) return;
    tags[rule] = 1;
    switch (names->kind(rule)) {
      case RuleKind::Brand:
        verdict.brand = true;
        return;
      case RuleKind::Theme:
        verdict.themes.push_back(rule);
        return;
      case RuleKind::Campaign:
        verdict.campaigns.push_back(rule);
        return;
      case RuleKind::Competitor:
        verdict.competitors.push_back(rule);
        return;
    }
  }

  void ask(const RuleSet::Plan& plan, std::uint32_t rule, std::optional<Time> time) {
    costs.candidate(rule);
    if (!in_window(plan, rule, time)) return costs.skip(rule);
    if (!costs.evaluate(rule, [&] { return evaluation.holds(plan.rules[rule]); })) return;
    queried.push_back(rule);
    tag(rule);
  }

  void tag_campaign(const RuleSet::Plan& plan, std::string_view id, bool any_time,
                    std::optional<Time> time) {
    if (id.empty()) return;
    const auto found = plan.campaigns.find(std::string(id));
    if (found == plan.campaigns.end()) return;
    if (any_time || in_window(plan, found->second, time)) tag(found->second);
  }

  // The campaign that the mention names itself counts whatever its window. A click or conversion
  // that names none may carry one in the address that was clicked; that one has to be on.
  void tag_named_campaigns(const RuleSet::Plan& plan, const Mention& mention,
                           std::optional<Time> time) {
    if (plan.campaigns.empty()) return;
    tag_campaign(plan, mention.campaign, true, time);
    if (!mention.campaign.empty() ||
        (mention.kind != Kind::Click && mention.kind != Kind::Conversion))
      return;
    tag_campaign(plan, utm_campaign(mention.url), false, time);
    for (const std::string& link : verdict.links)
      tag_campaign(plan, utm_campaign(link), false, time);
  }

  void match_rules(const RuleSet::Plan& plan, const Mention& mention) {
    const std::optional<Time> time = event_time(mention);
    if (tags.size() < plan.rules.size()) tags.resize(plan.rules.size());
    collect_candidates(plan);
    // The other rules may ask is:brand.
    if (plan.has_brand && is_candidate(0)) ask(plan, 0, time);
    for (const std::uint32_t rule : candidates) {
      if (rule != 0 || !plan.has_brand) ask(plan, rule, time);
    }
    tag_named_campaigns(plan, mention, time);
    // Rules are sorted by id within their kind.
    std::ranges::sort(verdict.themes);
    std::ranges::sort(verdict.campaigns);
    std::ranges::sort(verdict.competitors);
  }

  void collect_spans(const RuleSet::Plan& plan) {
    std::ranges::sort(queried, {}, [&](std::uint32_t rule) {
      return std::pair(label_order(names->kind(rule)), rule);
    });
    for (const std::uint32_t rule : queried) {
      evaluation.spans(plan.rules[rule], spans);
      for (const auto& [begin, end] : spans) verdict.spans.push_back({rule, begin, end});
    }
  }
};

Matcher::Matcher() : impl_(std::make_unique<Impl>()) {}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

CostMeter& Matcher::costs() {
  return impl_->costs;
}

const Verdict& Matcher::match(const RuleSet& rules, const Mention& mention,
                              const Options& options) {
  Impl& impl = *impl_;
  Verdict& verdict = impl.verdict;
  const RuleSet::Plan& plan = rules.plan();
  impl.clear();
  impl.names = &rules.rules();
  impl.costs.begin(rules);
  impl.cut.cut(mention.text, mention.network);
  impl.collect_entities(mention);
  verdict.question = is_question(impl.cut, mention.lang);
  impl.facts.start(plan, mention, impl.cut, &options.is_new_author, impl.tags, verdict);
  impl.evaluation.start(plan, impl.cut, impl.facts);
  impl.learnt.count(rules.version(), plan, impl.evaluation.present());
  verdict.to_brand = impl.facts.to_brand();
  verdict.by_brand = impl.facts.by(plan.accounts);
  verdict.by_ambassador = impl.facts.by(plan.ambassadors);
  verdict.to_ambassador = impl.facts.answers(plan.ambassadors);
  impl.facts.find_ambassadors(verdict.ambassadors);
  impl.match_rules(plan, mention);
  if (options.spans) impl.collect_spans(plan);
  for (std::uint32_t route = 0; route < plan.routes.size(); ++route) {
    const std::size_t cost = plan.rules.size() + route;
    impl.costs.candidate(cost);
    if (!impl.costs.evaluate(cost, [&] { return impl.evaluation.holds(plan.routes[route]); }))
      continue;
    verdict.route = route;
    break;
  }
  return verdict;
}

}  // namespace vigie
