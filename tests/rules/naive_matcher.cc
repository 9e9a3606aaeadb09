#include "tests/rules/naive_matcher.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>
#include <re2/re2.h>

#include "rules/questions.h"
#include "rules/words.h"
#include "tests/rules/naive_text.h"

namespace vigie {
namespace {

using NodeKind = QueryNode::Kind;

std::string without(char sigil, std::string_view text) {
  return fold(text.starts_with(sigil) ? text.substr(1) : text);
}

struct Address {
  std::string host;
  std::string path;
};

// `scheme://user@Host:1/a/b/?q#f` as `host` and `/a/b`.
Address address_of(std::string_view url) {
  std::string text = fold(url);
  text = text.substr(0, text.find_first_of("?#"));
  static const re2::RE2 kScheme("^[a-z][-a-z0-9+.]*://");
  re2::RE2::Replace(&text, kScheme, "");
  Address address;
  const std::size_t slash = std::min(text.find('/'), text.size());
  address.host = text.substr(0, slash);
  address.path = text.substr(slash);
  address.host.erase(0, address.host.rfind('@') + 1);
  address.host = address.host.substr(0, address.host.rfind(':'));
  while (address.host.ends_with('.')) address.host.pop_back();
  while (address.path.ends_with('/')) address.path.pop_back();
  return address;
}

bool lies_below(std::string_view url, std::string_view wanted) {
  const Address one = address_of(url);
  const Address two = address_of(wanted);
  return ("." + one.host).ends_with("." + two.host) && (one.path + "/").starts_with(two.path + "/");
}

std::optional<std::string> parameter(std::string_view url, std::string_view name) {
  url = url.substr(0, url.find('#'));
  if (!url.contains('?')) return {};
  url.remove_prefix(url.find('?') + 1);
  while (!url.empty()) {
    const std::string_view pair = url.substr(0, url.find('&'));
    url.remove_prefix(std::min(url.size(), pair.size() + 1));
    if (!pair.starts_with(name) || pair.substr(name.size(), 1) != "=") continue;
    std::string value;
    for (std::string_view rest = pair.substr(name.size() + 1); !rest.empty();) {
      unsigned byte = 0;
      const bool encoded = rest.size() > 2 && rest[0] == '%' &&
                           re2::RE2::FullMatch(re2::StringPiece(rest.data() + 1, 2),
                                               "([0-9a-fA-F]{2})", re2::RE2::Hex(&byte));
      value += encoded ? static_cast<char>(byte) : rest[0];
      rest.remove_prefix(encoded ? 3 : 1);
    }
    return value;
  }
  return {};
}

bool compares(std::int64_t value, Compare compare, std::int64_t number) {
  return (value < number && (compare == Compare::Less || compare == Compare::LessEqual)) ||
         (value > number && (compare == Compare::Greater || compare == Compare::GreaterEqual)) ||
         (value == number && compare != Compare::Less && compare != Compare::Greater);
}

bool holds_account(const std::vector<std::string>& accounts, std::string_view network,
                   std::string_view id, std::string_view handle) {
  return std::ranges::any_of(accounts, [&](const std::string& account) {
    const std::size_t colon = account.find(':');
    if (account.substr(0, colon) != network) return false;
    const std::string_view name = std::string_view(account).substr(colon + 1);
    if (name.starts_with('@')) return !handle.empty() && without('@', name) == without('@', handle);
    return name == id;
  });
}

bool is_on(const NaiveRules::Rule& rule, std::optional<Time> time) {
  if (!rule.from && !rule.until) return true;
  return time && !(rule.from && *time < *rule.from) && !(rule.until && *time >= *rule.until);
}

// What one kind of leaf is called where it is counted.
std::string kind_of(const QueryNode& query) {
  switch (query.kind) {
    case NodeKind::Word: {
      constexpr std::string_view kSigils = "@#$";
      if (kSigils.contains(query.text[0])) return query.text.substr(0, 1);
      const std::size_t mark = query.text.find_first_of("*?");
      if (mark != std::string::npos) return fmt::format("word with {}", query.text[mark]);
      const std::vector<OwnWord> words = own_words(query.text, "");
      if (words.size() > 1) return "word that is several";
      return words[0].kind == WordKind::Url     ? "address"
             : words[0].kind == WordKind::Emoji ? "emoji"
                                                : "word";
    }
    case NodeKind::Phrase:
      return "phrase";
    case NodeKind::Exact:
      return "exact";
    case NodeKind::Regex:
      return query.ignore_case ? "regex i" : "regex";
    case NodeKind::Near:
      return fmt::format(
          "{}NEAR{}", query.ordered ? "O" : "",
          std::ranges::any_of(query.children,
                              [](const QueryNode& child) { return child.kind == NodeKind::Near; })
              ? " of NEAR"
              : "");
    case NodeKind::Number:
      return query.name;
    default:
      break;
  }
  if (query.name == "is" || query.name == "has" || query.name == "to" || query.text == "*") {
    return query.name + ":" + query.text;
  }
  if (query.name != "author" || query.text[0] == '@') return query.name;
  return "author:" + query.text.substr(0, query.text.find(':'));
}

}  // namespace

bool is_true_of_nothing(const QueryNode& query) {
  bool all = true;
  bool any = false;
  for (const QueryNode& child : query.children) {
    const bool one = is_true_of_nothing(child);
    all = all && one;
    any = any || one;
  }
  if (query.kind == NodeKind::And) return all;
  if (query.kind == NodeKind::Or) return any;
  return query.kind == NodeKind::Not && !any;
}

struct NaiveMatcher::Impl {
  explicit Impl(const NaiveRules& all) : rules(all) {}

  bool by(const std::vector<std::string>& accounts) const {
    return holds_account(accounts, mention->network, mention->author.id, mention->author.handle);
  }

  bool answers(const std::vector<std::string>& accounts) const {
    return mention->in_reply_to_author &&
           holds_account(accounts, mention->network, mention->in_reply_to_author->id,
                         mention->in_reply_to_author->handle);
  }

  bool to_brand() const {
    if (answers(rules.accounts)) return true;
    const auto is_account = [&](std::string_view id, std::string_view handle) {
      return holds_account(rules.accounts, mention->network, id, handle);
    };
    if (mention->mentions && std::ranges::any_of(*mention->mentions, [&](const Person& one) {
          return is_account(one.id, one.handle);
        })) {
      return true;
    }
    return std::ranges::any_of(text.words(), [&](const OwnWord& one) {
      return one.kind == WordKind::Handle && is_account({}, one.folded);
    });
  }

  std::vector<std::string> links() const {
    if (mention->links) return *mention->links;
    std::vector<std::string> result;
    for (const OwnWord& one : text.words()) {
      if (one.kind == WordKind::Url)
        result.push_back(mention->text.substr(one.begin, one.end - one.begin));
    }
    return result;
  }

  bool names(std::string_view handle) const {
    const std::string wanted_name = without('@', handle);
    if (mention->mentions) {
      return std::ranges::any_of(*mention->mentions, [&](const Person& one) {
        return without('@', one.handle) == wanted_name;
      });
    }
    return std::ranges::any_of(text.words(), [&](const OwnWord& one) {
      return one.kind == WordKind::Handle && one.folded == wanted_name;
    });
  }

  bool author(const std::string& value) {
    if (value == "new") return is_new;
    if (value == "brand") return by(rules.accounts);
    if (value == "ambassador") return by(rules.ambassadors);
    if (value.starts_with("id:")) return mention->author.id == value.substr(3);
    if (value.starts_with("list:")) return by(rules.lists.at(value.substr(5)));
    return without('@', mention->author.handle) == without('@', value);
  }

  bool field(const QueryNode& query) {
    const std::string& name = query.name;
    const std::string& value = query.text;
    const std::optional<Place>& place = mention->place;
    if (name == "author") return author(value);
    if (name == "to") return to_brand();
    if (name == "mentions") return names(value);
    if (name == "reply_to") {
      return mention->in_reply_to_author &&
             without('@', mention->in_reply_to_author->handle) == without('@', value);
    }
    if (name == "conversation") return mention->conversation_id == value;
    if (name == "network") return mention->network == fold(value);
    if (name == "kind") return mention->kind && vigie::name(*mention->kind) == fold(value);
    if (name == "lang") return (fold(mention->lang) + "-").starts_with(fold(value) + "-");
    if (name == "country") return place && fold(place->country) == fold(value);
    if (name == "city") return place && fold(place->city) == fold(value);
    if (name == "site") return !mention->url.empty() && lies_below(mention->url, value);
    if (name == "url") {
      return std::ranges::any_of(links(),
                                 [&](const std::string& one) { return lies_below(one, value); });
    }
    if (name == "is") {
      if (value == "question") return question;
      if (value == "verified") return mention->author.verified == true;
      return answer.labels.contains("brand") || to_brand();
    }
    if (name == "has") {
      if (value == "link") return !links().empty();
      if (value == "media") return !mention->media.empty();
      return place &&
             (!place->country.empty() || !place->city.empty() || (place->lat && place->lon));
    }
    if (value != "*") return answer.labels.contains(name + ":" + value);
    return std::ranges::any_of(
        answer.labels, [&](const std::string& label) { return label.starts_with(name + ":"); });
  }

  bool number(const QueryNode& query) const {
    const Engagement& counts = mention->engagement;
    const std::map<std::string_view, std::optional<std::int64_t>> numbers = {
        {"followers", mention->author.followers},
        {"likes", counts.likes},
        {"replies", counts.replies},
        {"shares", counts.shares},
        {"views", counts.views},
        {"clicks", counts.clicks}};
    const std::optional<std::int64_t>& value = numbers.at(query.name);
    return value && compares(*value, query.compare, query.number);
  }

  bool leaf_holds(const QueryNode& query) {
    if (query.kind == NodeKind::Field) return field(query);
    if (query.kind == NodeKind::Number) return number(query);
    return text.holds(query);
  }

  bool holds(const QueryNode& query) {
    const auto one_holds = [&](const QueryNode& child) { return holds(child); };
    if (query.kind == NodeKind::And) return std::ranges::all_of(query.children, one_holds);
    if (query.kind == NodeKind::Or) return std::ranges::any_of(query.children, one_holds);
    if (query.kind == NodeKind::Not) return !holds(query.children[0]);
    const bool result = leaf_holds(query);
    Asked*& count = counters[&query];
    if (count == nullptr) count = &asked[kind_of(query)];
    ++(result ? count->held : count->failed);
    return result;
  }

  void mark(const QueryNode& query, bool positive, std::set<Answer::Marked>& out) {
    if (query.kind == NodeKind::Field || query.kind == NodeKind::Number) return;
    if (query.kind == NodeKind::And || query.kind == NodeKind::Or) {
      for (const QueryNode& child : query.children) mark(child, positive, out);
      return;
    }
    if (query.kind == NodeKind::Not) {
      mark(query.children[0], !positive, out);
      return;
    }
    if (positive) text.mark(query, out);
  }

  void ask_rules() {
    std::optional<Time> time = mention->created_at;
    if (mention->seen_at && (!time || *time > *mention->seen_at + std::chrono::minutes(2)))
      time = mention->seen_at;
    std::map<std::string, std::set<Answer::Marked>> marked;
    // The other rules may ask for the brand's.
    for (const bool brand : {true, false}) {
      for (const NaiveRules::Rule& rule : rules.rules) {
        if ((rule.label == "brand") != brand || !is_on(rule, time) || !holds(rule.query)) continue;
        answer.labels.insert(rule.label);
        mark(rule.query, true, marked[rule.label]);
      }
    }
    for (const auto& [label, places] : marked) {
      for (const Answer::Marked& place : places) answer.spans.emplace_back(label, place);
    }
    for (const NaiveRules::Rule& rule : rules.rules) {
      if (names_campaign(rule, time)) answer.labels.insert(rule.label);
    }
  }

  bool names_campaign(const NaiveRules::Rule& rule, std::optional<Time> time) const {
    constexpr std::string_view kPrefix = "campaign:";
    if (!rule.label.starts_with(kPrefix)) return false;
    const std::string id = rule.label.substr(kPrefix.size());
    if (!mention->campaign.empty()) return mention->campaign == id;
    if (mention->kind != Kind::Click && mention->kind != Kind::Conversion) return false;
    std::vector<std::string> urls = links();
    urls.push_back(mention->url);
    return is_on(rule, time) && std::ranges::any_of(urls, [&](const std::string& url) {
             return parameter(url, "utm_campaign") == id;
           });
  }

  Answer match(const Mention& one, bool first_heard_of) {
    mention = &one;
    is_new = first_heard_of;
    text.start(one);
    CutText cut;
    cut.cut(one.text, one.network);
    question = is_question(cut, one.lang);
    answer = {};
    answer.to_brand = to_brand();
    answer.by_brand = by(rules.accounts);
    answer.by_ambassador = by(rules.ambassadors);
    answer.to_ambassador = answers(rules.ambassadors);
    ask_rules();
    for (const NaiveRules::Route& route : rules.routes) {
      if (!holds(route.when)) continue;
      answer.route = route.id;
      break;
    }
    return answer;
  }

  const NaiveRules& rules;
  const Mention* mention = nullptr;
  bool is_new = false;
  bool question = false;
  NaiveText text;
  Answer answer;
  std::map<const QueryNode*, Asked*> counters;
  std::map<std::string, Asked> asked;
};

NaiveMatcher::NaiveMatcher(const NaiveRules& rules) : impl_(std::make_unique<Impl>(rules)) {}
NaiveMatcher::~NaiveMatcher() = default;

Answer NaiveMatcher::match(const Mention& mention, bool is_new) {
  return impl_->match(mention, is_new);
}

bool NaiveMatcher::holds(const QueryNode& query) {
  return impl_->holds(query);
}

std::set<Answer::Marked> NaiveMatcher::spans(const QueryNode& query) {
  std::set<Answer::Marked> result;
  impl_->mark(query, true, result);
  return result;
}

bool NaiveMatcher::is_whole() const {
  return impl_->text.is_whole();
}

const std::map<std::string, NaiveMatcher::Asked>& NaiveMatcher::asked() const {
  return impl_->asked;
}

Answer answer_of(const RuleSet& rules, const Verdict& verdict) {
  Answer answer;
  answer.to_brand = verdict.to_brand;
  answer.by_brand = verdict.by_brand;
  answer.by_ambassador = verdict.by_ambassador;
  answer.to_ambassador = verdict.to_ambassador;
  if (verdict.brand) answer.labels.insert("brand");
  for (const auto* list : {&verdict.themes, &verdict.campaigns, &verdict.competitors}) {
    for (const std::uint32_t rule : *list) answer.labels.emplace(rules.rules()[rule].label);
  }
  if (verdict.route) answer.route = rules.routes()[*verdict.route].id;
  for (const Span& span : verdict.spans)
    answer.spans.emplace_back(rules.rules()[span.rule].label, Answer::Marked{span.begin, span.end});
  return answer;
}

std::string print(const Answer& answer) {
  std::string out;
  for (const auto& [name, holds] : {std::pair("to_brand", answer.to_brand),
                                    {"by_brand", answer.by_brand},
                                    {"by_ambassador", answer.by_ambassador},
                                    {"to_ambassador", answer.to_ambassador}}) {
    if (holds) out += fmt::format("{} ", name);
  }
  out += "tags";
  for (const std::string& label : answer.labels) out += " " + label;
  out += fmt::format("; route {}; spans", answer.route.value_or("none"));
  for (const auto& [label, place] : answer.spans)
    out += fmt::format(" {} {}-{}", label, place.first, place.second);
  return out;
}

}  // namespace vigie
