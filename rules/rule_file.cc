#include "rules/rule_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include <fmt/format.h>
#include <unicode/timezone.h>
#include <unicode/unistr.h>

#include "pipeline/core/ids.h"
#include "rules/case_mention.h"
#include "rules/words.h"

namespace vigie {
namespace {

constexpr std::array<std::string_view, 7> kWeekdays = {"mon", "tue", "wed", "thu",
                                                       "fri", "sat", "sun"};

std::optional<int> parse_number(std::string_view text) {
  int value = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc{} || stop != text.data() + text.size()) return {};
  return value;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// `15m`, `1h`, `90s`, `2d`
std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.size() < 2) return {};
  const std::optional<int> value = parse_number(text.substr(0, text.size() - 1));
  if (!value || *value <= 0 || *value > 1'000'000) return {};
  const std::chrono::seconds number{*value};
  switch (text.back()) {
    case 's':
      return number;
    case 'm':
      return number * 60;
    case 'h':
      return number * 3600;
    case 'd':
      return number * 86400;
    default:
      return {};
  }
}

std::optional<std::uint16_t> parse_minute(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return {};
  const std::optional<int> hour = parse_number(text.substr(0, 2));
  const std::optional<int> minute = parse_number(text.substr(3));
  if (!hour || !minute || *hour < 0 || *minute < 0 || *minute > 59) return {};
  if (*hour > 24 || (*hour == 24 && *minute > 0)) return {};
  return static_cast<std::uint16_t>(*hour * 60 + *minute);
}

std::optional<std::size_t> parse_weekday(std::string_view text) {
  const auto found = std::ranges::find(kWeekdays, text);
  if (found == kWeekdays.end()) return {};
  return static_cast<std::size_t>(found - kWeekdays.begin());
}

// `mon-fri 09:00-18:00` or several such parts: `mon-thu,sat 09:00-18:00; fri 09:00-16:00`
std::optional<std::vector<OpenHours>> parse_open_hours(std::string_view text) {
  std::vector<OpenHours> result;
  while (!text.empty()) {
    const std::size_t semicolon = text.find(';');
    const std::string_view part = trim(text.substr(0, semicolon));
    text = semicolon == std::string_view::npos ? "" : text.substr(semicolon + 1);
    const std::size_t space = part.find(' ');
    if (space == std::string_view::npos) return {};
    const std::string_view hours = trim(part.substr(space));
    if (hours.size() != 11 || hours[5] != '-') return {};
    const auto begin = parse_minute(hours.substr(0, 5));
    const auto end = parse_minute(hours.substr(6));
    if (!begin || !end || *begin >= *end) return {};
    std::string_view days = part.substr(0, space);
    while (!days.empty()) {
      const std::size_t comma = days.find(',');
      const std::string_view range = days.substr(0, comma);
      days = comma == std::string_view::npos ? "" : days.substr(comma + 1);
      const std::size_t dash = range.find('-');
      const auto first = parse_weekday(range.substr(0, dash));
      const auto last =
          dash == std::string_view::npos ? first : parse_weekday(range.substr(dash + 1));
      if (!first || !last) return {};
      for (std::size_t day = *first;; day = (day + 1) % 7) {
        result.push_back({static_cast<std::uint8_t>(day), *begin, *end});
        if (day == *last) break;
      }
    }
  }
  std::ranges::sort(result);
  for (std::size_t i = 1; i < result.size(); ++i) {
    if (result[i].weekday == result[i - 1].weekday && result[i].begin < result[i - 1].end)
      return {};
  }
  if (result.empty()) return {};
  return result;
}

bool is_timezone(const std::string& id) {
  const std::unique_ptr<icu::TimeZone> zone(
      icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(id)));
  icu::UnicodeString found;
  zone->getID(found);
  return found != icu::UnicodeString(UCAL_UNKNOWN_ZONE_ID) &&
         found == icu::UnicodeString::fromUTF8(id);
}

class Reader {
 public:
  explicit Reader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void read(const YamlNode& root, RuleFile& out) {
    if (root.type != YamlNode::Type::Map) {
      diagnostics_.error(
          root.mark, "expected a map with brand, competitors, lists, themes, campaigns or routes");
      return;
    }
    keys(root, "rules", {"brand", "competitors", "lists", "themes", "campaigns", "routes"});
    if (const YamlNode* brand = root.find("brand")) {
      read_brand(*brand, out);
    } else {
      diagnostics_.warning(root.mark, "no brand: is:brand and to:brand match nothing");
    }
    if (const YamlNode* lists = root.find("lists")) read_lists(*lists, out);
    read_rules(root.find("competitors"), RuleKind::Competitor, out);
    read_rules(root.find("themes"), RuleKind::Theme, out);
    read_rules(root.find("campaigns"), RuleKind::Campaign, out);
    if (out.rules.size() > kMaxRules) {
      diagnostics_.error(root.mark, fmt::format("more rules than the limit of {}", kMaxRules));
    }
    if (const YamlNode* routes = root.find("routes")) read_routes(*routes, out);
    std::ranges::sort(out.rules, [](const RuleSource& a, const RuleSource& b) {
      return std::tie(a.kind, a.id) < std::tie(b.kind, b.id);
    });
  }

 private:
  void keys(const YamlNode& map, std::string_view what,
            const std::vector<std::string_view>& known) {
    for (const auto& [key, value] : map.entries) {
      if (std::ranges::find(known, key.text) != known.end()) continue;
      const std::string_view near = nearest(key.text, known);
      diagnostics_.error(key.mark, near.empty()
                                       ? fmt::format("{}: unknown key \"{}\"; expected one of {}",
                                                     what, key.text, fmt::join(known, ", "))
                                       : fmt::format("{}: unknown key \"{}\"; did you mean \"{}\"?",
                                                     what, key.text, near));
    }
  }

  bool is_map(const YamlNode& node, std::string_view what) {
    if (node.type == YamlNode::Type::Map) return true;
    diagnostics_.error(node.mark, fmt::format("{}: expected a map", what));
    return false;
  }

  // The items of a list; none, with an error, where it is something else. No value is an empty
  // list.
  const std::vector<YamlNode>& items(const YamlNode& node, std::string_view what) {
    static const std::vector<YamlNode> kNone;
    if (node.type == YamlNode::Type::List) return node.items;
    if (node.type != YamlNode::Type::Null) {
      diagnostics_.error(node.mark, fmt::format("{}: expected a list", what));
    }
    return kNone;
  }

  // The text of `key`, or nullptr, with an error, where it is missing or no text.
  const YamlNode* scalar(const YamlNode& map, std::string_view key, std::string_view what,
                         bool required) {
    const YamlNode* node = map.find(key);
    if (node == nullptr) {
      if (required)
        diagnostics_.error(map.mark, fmt::format("{}: expected the key \"{}\"", what, key));
      return nullptr;
    }
    if (node->type == YamlNode::Type::Scalar && !node->text.empty()) return node;
    const bool is_missing = node->type == YamlNode::Type::Null;
    diagnostics_.error(node->mark,
                       fmt::format("{}: {}: expected a text{}", what, key,
                                   is_missing ? "; one that begins with # stands in quotes" : ""));
    return nullptr;
  }

  std::string id_of(const YamlNode& map, std::string_view what, std::set<std::string>& seen) {
    const YamlNode* id = scalar(map, "id", what, true);
    if (id == nullptr) return {};
    if (!is_rule_id(id->text)) {
      diagnostics_.error(
          id->mark,
          fmt::format("{}: id \"{}\": expected at most 128 of A-Z a-z 0-9 _ . -", what, id->text));
    } else if (!seen.insert(id->text).second) {
      diagnostics_.error(id->mark, fmt::format("{}: id \"{}\" stands twice", what, id->text));
    }
    return id->text;
  }

  QuerySource query_of(const YamlNode& map, std::string_view key, std::string_view what) {
    QuerySource source;
    const YamlNode* node = scalar(map, key, what, true);
    if (node == nullptr) return source;
    source.node = *node;
    ParsedQuery parsed = parse_query(node->text);
    for (const QueryIssue& issue : parsed.issues) diagnostics_.add(*node, issue);
    source.root = std::move(parsed.root);
    return source;
  }

  std::vector<CaseSource> cases_of(const YamlNode& map, std::optional<Time> time) {
    std::vector<CaseSource> result;
    for (const std::string_view key : {"must_match", "must_not_match"}) {
      const YamlNode* list = map.find(key);
      if (list == nullptr) continue;
      for (const YamlNode& item : items(*list, key)) {
        std::optional<Mention> mention = case_mention(item, key, time, diagnostics_);
        if (!mention) continue;
        std::string text = mention->text;
        result.push_back(
            {key == "must_match", item.mark.line, std::move(text), std::move(*mention)});
      }
    }
    return result;
  }

  std::vector<Account> accounts(const YamlNode& list, std::string_view what) {
    std::vector<Account> result;
    for (const YamlNode& item : items(list, what)) {
      const std::size_t colon = item.text.find(':');
      Account account;
      if (item.type == YamlNode::Type::Scalar && colon != std::string::npos) {
        account.network = item.text.substr(0, colon);
        const std::string_view rest = std::string_view(item.text).substr(colon + 1);
        if (rest.starts_with('@')) {
          account.handle = fold(rest.substr(1));
        } else {
          account.id = rest;
        }
      }
      if (!is_network_name(account.network) || (account.handle.empty() && account.id.empty())) {
        diagnostics_.error(
            item.mark,
            fmt::format("{}: expected network:@handle or network:id, such as \"x:@acme\"", what));
        continue;
      }
      result.push_back(std::move(account));
    }
    accounts_ += result.size();
    if (accounts_ > kMaxAccounts) {
      diagnostics_.error(list.mark,
                         fmt::format("more accounts than the limit of {}", kMaxAccounts));
      accounts_ = 0;
    }
    return result;
  }

  void read_brand(const YamlNode& brand, RuleFile& out) {
    if (!is_map(brand, "brand")) return;
    keys(brand, "brand",
         {"id", "query", "accounts", "ambassadors", "timezone", "business_hours", "must_match",
          "must_not_match"});
    std::set<std::string> seen;
    out.brand_id = id_of(brand, "brand", seen);
    RuleSource rule;
    rule.kind = RuleKind::Brand;
    rule.id = out.brand_id;
    rule.label = kBrandLabel;
    rule.query = query_of(brand, "query", "brand");
    rule.cases = cases_of(brand, {});
    out.rules.push_back(std::move(rule));
    if (const YamlNode* list = brand.find("accounts")) {
      out.accounts = accounts(*list, "brand: accounts");
    }
    if (const YamlNode* list = brand.find("ambassadors")) {
      out.ambassadors = accounts(*list, "brand: ambassadors");
    }
    if (const YamlNode* zone = scalar(brand, "timezone", "brand", false)) {
      out.timezone = zone->text;
      if (!is_timezone(zone->text)) {
        diagnostics_.error(zone->mark,
                           fmt::format("brand: unknown timezone \"{}\"; expected a name such "
                                       "as Europe/Paris",
                                       zone->text));
      }
    }
    if (const YamlNode* hours = scalar(brand, "business_hours", "brand", false)) {
      auto parsed = parse_open_hours(hours->text);
      if (parsed) {
        out.open_hours = std::move(*parsed);
      } else {
        diagnostics_.error(hours->mark,
                           "brand: business_hours: expected a form such as "
                           "\"mon-fri 09:00-18:00; sat 10:00-12:00\", without overlaps");
      }
    }
  }

  void read_lists(const YamlNode& lists, RuleFile& out) {
    if (lists.type == YamlNode::Type::Null || !is_map(lists, "lists")) return;
    for (const auto& [key, value] : lists.entries) {
      if (!is_rule_id(key.text)) {
        diagnostics_.error(
            key.mark,
            fmt::format("lists: id \"{}\": expected at most 128 of A-Z a-z 0-9 _ . -", key.text));
      }
      out.lists[key.text] = accounts(value, fmt::format("lists: {}", key.text));
    }
  }

  std::optional<Time> time_of(const YamlNode& map, std::string_view key) {
    const YamlNode* node = scalar(map, key, "campaigns", false);
    if (node == nullptr) return {};
    const std::optional<Time> time = parse_time(node->text);
    if (!time) {
      diagnostics_.error(node->mark,
                         fmt::format("campaigns: {}: expected a time with its offset, such as "
                                     "2026-06-01T00:00:00Z",
                                     key));
    }
    return time;
  }

  void read_rules(const YamlNode* list, RuleKind kind, RuleFile& out) {
    if (list == nullptr) return;
    const bool campaign = kind == RuleKind::Campaign;
    const std::string_view what = campaign                  ? "campaigns"
                                  : kind == RuleKind::Theme ? "themes"
                                                            : "competitors";
    std::set<std::string> seen;
    for (const YamlNode& item : items(*list, what)) {
      if (!is_map(item, what)) continue;
      std::vector<std::string_view> known = {"id", "query", "must_match", "must_not_match"};
      if (campaign) known.insert(known.end(), {"from", "until"});
      keys(item, what, known);
      RuleSource rule;
      rule.kind = kind;
      rule.id = id_of(item, what, seen);
      rule.label = fmt::format("{}:{}", what.substr(0, what.size() - 1), rule.id);
      rule.query = query_of(item, "query", what);
      if (campaign) {
        rule.from = time_of(item, "from");
        rule.until = time_of(item, "until");
        if (rule.from && rule.until && *rule.from >= *rule.until) {
          diagnostics_.error(item.find("until")->mark,
                             "campaigns: until: expected a time after from");
        }
      }
      std::optional<Time> inside = rule.from;
      if (!inside && rule.until) inside = *rule.until - std::chrono::seconds(1);
      rule.cases = cases_of(item, inside);
      out.rules.push_back(std::move(rule));
    }
  }

  void read_routes(const YamlNode& routes, RuleFile& out) {
    // Nothing at all could mean the default routes or no route.
    const bool empty = routes.type == YamlNode::Type::List && routes.items.empty();
    if (empty || routes.type == YamlNode::Type::Null) {
      diagnostics_.error(routes.mark,
                         "routes: expected a route; leave the key out for the default routes");
    }
    std::set<std::string> seen;
    for (const YamlNode& item : items(routes, "routes")) {
      if (!is_map(item, "routes")) continue;
      keys(item, "routes",
           {"id", "when", "queue", "priority", "sla", "resolve", "must_match", "must_not_match"});
      RouteSource route;
      route.route.id = id_of(item, "routes", seen);
      route.when = query_of(item, "when", "routes");
      read_queue(item, route.route);
      route.cases = cases_of(item, {});
      out.routes.push_back(std::move(route));
    }
    if (out.routes.size() > kMaxRoutes) {
      diagnostics_.error(routes.mark, fmt::format("more routes than the limit of {}", kMaxRoutes));
    }
  }

  void read_queue(const YamlNode& item, Route& route) {
    bool none = false;
    if (const YamlNode* queue = scalar(item, "queue", "routes", true)) {
      none = queue->text == name(Queue::None);
      bool found = false;
      for (const Queue value : {Queue::None, Queue::Social, Queue::Community}) {
        if (queue->text != name(value)) continue;
        route.queue = value;
        found = true;
      }
      if (!found) {
        diagnostics_.error(queue->mark,
                           fmt::format("routes: unknown queue \"{}\"; expected social, "
                                       "community or none",
                                       queue->text));
      }
    }
    const YamlNode* priority = scalar(item, "priority", "routes", false);
    if (priority != nullptr) {
      bool found = false;
      for (const Priority value :
           {Priority::Low, Priority::Normal, Priority::High, Priority::Urgent}) {
        if (priority->text != name(value)) continue;
        route.priority = value;
        found = true;
      }
      if (!found) {
        diagnostics_.error(priority->mark,
                           fmt::format("routes: unknown priority \"{}\"; expected low, "
                                       "normal, high or urgent",
                                       priority->text));
      }
    }
    const YamlNode* sla = read_length(item, "sla", route.sla);
    const YamlNode* resolve = read_length(item, "resolve", route.resolve);
    const YamlNode* unused = priority != nullptr ? priority : sla != nullptr ? sla : resolve;
    if (none && unused != nullptr) {
      diagnostics_.warning(unused->mark,
                           "routes: priority, sla and resolve mean nothing without a queue");
    }
  }

  const YamlNode* read_length(const YamlNode& item, const char* key,
                              std::optional<std::chrono::seconds>& out) {
    const YamlNode* length = scalar(item, key, "routes", false);
    if (length != nullptr && !(out = parse_duration(length->text))) {
      diagnostics_.error(length->mark,
                         fmt::format("routes: {}: expected a duration such as 15m, 8h or 2d", key));
    }
    return length;
  }

  Diagnostics& diagnostics_;
  std::size_t accounts_ = 0;
};

// "FILE:LINE:COLUMN: message" as a place and a message.
void add_yaml_error(Diagnostics& diagnostics, std::string_view file, std::string_view message) {
  Mark mark;
  if (message.starts_with(file) && message.substr(file.size()).starts_with(':')) {
    message.remove_prefix(file.size() + 1);
    const char* const begin = message.data();
    const char* const end = begin + message.size();
    std::size_t line = 0;
    std::size_t column = 0;
    const auto first = std::from_chars(begin, end, line);
    if (first.ec == std::errc{} && first.ptr != end && *first.ptr == ':') {
      const auto second = std::from_chars(first.ptr + 1, end, column);
      if (second.ec == std::errc{} && second.ptr != end && *second.ptr == ':') {
        mark = {line, column};
        message = std::string_view(second.ptr + 1, static_cast<std::size_t>(end - second.ptr - 1));
      }
    }
  }
  diagnostics.error(mark, std::string(trim(message)));
}

}  // namespace

RuleFile read_rule_file(std::string_view yaml, std::string_view file, Diagnostics& diagnostics) {
  RuleFile result;
  const Result<YamlNode> root = parse_yaml(yaml, file);
  if (!root) {
    add_yaml_error(diagnostics, file, root.error().message);
    return result;
  }
  Reader(diagnostics).read(*root, result);
  return result;
}

}  // namespace vigie
