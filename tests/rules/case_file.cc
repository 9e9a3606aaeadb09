#include "tests/rules/case_file.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "pipeline/core/json.h"
#include "rules/rule_set.h"

namespace vigie {
namespace {

struct Set {
  std::string brand = "nobodysbrand";
  std::vector<std::string> accounts;
  std::vector<std::string> ambassadors;
  std::map<std::string, std::vector<std::string>> lists;
  std::map<std::string, std::string> sections;  // competitors, themes, campaigns, routes
};

// YAML takes JSON strings.
std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + quoted(text);
  return out + "]";
}

std::string yaml_of(const Set& set) {
  std::string yaml =
      fmt::format("brand: {{id: acme, query: {}, accounts: {}, ambassadors: {}}}\n",
                  quoted(set.brand), quoted_list(set.accounts), quoted_list(set.ambassadors));
  if (!set.lists.empty()) yaml += "lists:\n";
  for (const auto& [name, list] : set.lists)
    yaml += fmt::format("  {}: {}\n", name, quoted_list(list));
  for (const auto& [name, text] : set.sections) yaml += name + ":\n" + text;
  return yaml;
}

// Takes the first word off `line`.
std::string take(std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  const std::size_t end = std::min(line.find(' ', begin), line.size());
  std::string word = line.substr(begin, end - begin);
  const std::size_t rest = line.find_first_not_of(' ', end);
  line = rest == std::string::npos ? "" : line.substr(rest);
  return word;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      out += text[i] == 'n' ? '\n' : text[i];
    } else {
      out += text[i];
    }
  }
  return out;
}

void set_field(Mention& mention, const std::string& key, const std::string& value) {
  const auto number = [&] { return std::stoll(value); };
  if (key == "lang") mention.lang = value;
  if (key == "network") mention.network = value;
  if (key == "kind") mention.kind = parse_kind(value);
  if (key == "author") mention.author.handle = value;
  if (key == "author_id") mention.author.id = value;
  if (key == "verified") mention.author.verified = value == "true";
  if (key == "followers") mention.author.followers = number();
  if (key == "likes") mention.engagement.likes = number();
  if (key == "views") mention.engagement.views = number();
  if (key == "reply_to") mention.in_reply_to_author = Person{"parent", value};
  if (key == "reply_to_id") mention.in_reply_to_author = Person{value, ""};
  if (key == "mentions") mention.mentions = {Person{"person", value}};
  if (key == "conversation") mention.conversation_id = value;
  if (key == "url") mention.url = value;
  if (key == "link") mention.links = {value};
  if (key == "media") mention.media = {Media{value, ""}};
  if (key == "campaign") mention.campaign = value;
  if (key == "at") mention.created_at = parse_time(value);
  if (key == "seen") mention.seen_at = parse_time(value);
  if (key == "country" || key == "city" || key == "lat" || key == "lon") {
    if (!mention.place) mention.place = Place{};
    if (key == "country") mention.place->country = value;
    if (key == "city") mention.place->city = value;
    if (key == "lat") mention.place->lat = std::stod(value);
    if (key == "lon") mention.place->lon = std::stod(value);
  }
}

class Runner {
 public:
  explicit Runner(std::size_t& cases) : cases_(cases) {}

  void line(std::size_t number, std::string text) {
    number_ = number;
    const std::string what = take(text);
    if (what.empty() || what.starts_with('#')) return;
    if (what == "mention") return mention(text);
    if (what == "error" || what == "warning") return issue(what == "error", text);
    if (used_) set_ = Set{};
    used_ = false;
    rules_.reset();
    define(what, text);
  }

  std::vector<std::string> failures;

 private:
  void fail(const std::string& message) {
    failures.push_back(fmt::format("{}: {}", number_, message));
  }

  void define(const std::string& what, std::string text) {
    if (what == "brand") {
      set_.brand = text;
    } else if (what == "account") {
      set_.accounts.push_back(text);
    } else if (what == "ambassador") {
      set_.ambassadors.push_back(text);
    } else if (what == "list") {
      const std::string name = take(text);
      set_.lists[name].push_back(text);
    } else if (what == "rule" || what == "competitor") {
      const std::string name = take(text);
      set_.sections[what == "rule" ? "themes" : "competitors"] +=
          fmt::format("  - {{id: \"{}\", query: {}}}\n", name, quoted(text));
    } else if (what == "route") {
      const std::string name = take(text);
      set_.sections["routes"] +=
          fmt::format("  - {{id: {}, when: {}, queue: social}}\n", name, quoted(text));
    } else if (what == "campaign") {
      const std::string name = take(text);
      const std::string from = take(text);
      const std::string until = take(text);
      set_.sections["campaigns"] +=
          fmt::format("  - {{id: {}{}{}, query: {}}}\n", name, from == "-" ? "" : ", from: " + from,
                      until == "-" ? "" : ", until: " + until, quoted(text));
    } else {
      fail("unknown line: " + what);
    }
  }

  void mention(const std::string& text) {
    used_ = true;
    ++cases_;
    if (!rules_) {
      const RuleSet::Compiled compiled = RuleSet::compile(yaml_of(set_), "case");
      if (!compiled.rules) return fail(format(compiled.diagnostics.front()) + "\n" + yaml_of(set_));
      rules_ = compiled.rules;
    }
    const std::size_t arrow = text.rfind(" -> ");
    const std::size_t open = text.find('"');
    const std::size_t close = text.rfind('"', arrow);
    if (arrow == std::string::npos || open == std::string::npos || close <= open)
      return fail("no mention");
    Mention mention;
    mention.network = "x";
    mention.id = "1";
    mention.kind = Kind::Mention;
    mention.author.id = "somebody";
    mention.created_at = parse_time("2026-01-01T00:00:00Z");
    std::string fields = text.substr(0, open);
    while (!fields.empty()) {
      const std::string field = take(fields);
      if (field.empty()) break;
      const std::size_t equal = field.find('=');
      set_field(mention, field.substr(0, equal), field.substr(equal + 1));
    }
    mention.text = unescape(std::string_view(text).substr(open + 1, close - open - 1));
    compare(mention, text.substr(arrow + 4));
  }

  std::string name_of(std::uint32_t rule) const {
    const Rule& found = rules_->rules()[rule];
    return found.kind == RuleKind::Brand ? "brand" : found.id;
  }

  void compare(const Mention& mention, std::string expected) {
    Matcher::Options options;
    options.spans = true;
    const Verdict& verdict = matcher_.match(*rules_, mention, options);
    std::map<std::string, std::string> found;
    if (verdict.brand) found["brand"];
    for (const auto* list : {&verdict.themes, &verdict.campaigns, &verdict.competitors}) {
      for (const std::uint32_t rule : *list) found[name_of(rule)];
    }
    if (verdict.route) found["route:" + rules_->routes()[*verdict.route].id];
    std::map<std::string, std::string> wanted;
    bool spans = false;
    std::string last;
    for (std::string word = take(expected); !word.empty(); word = take(expected)) {
      if (word == "none") continue;
      if (word.find('-') != std::string::npos &&
          word.find_first_not_of("0123456789-") == std::string::npos) {
        wanted[last] += word + " ";
        spans = true;
      } else {
        last = word;
        wanted[word];
      }
    }
    for (const Span& span : verdict.spans) {
      if (spans) found[name_of(span.rule)] += fmt::format("{}-{} ", span.begin, span.end);
    }
    if (found == wanted) return;
    std::string got;
    for (const auto& [name, places] : found) got += name + " " + places;
    fail(fmt::format("\"{}\" gave {}", mention.text, got.empty() ? "none" : got));
  }

  void issue(bool error, const std::string& text) {
    used_ = true;
    ++cases_;
    const std::size_t open = text.find('"');
    std::size_t close = std::string::npos;
    for (std::size_t at = text.find(" at "); at != std::string::npos;
         at = text.find(" at ", at + 1)) {
      const std::size_t before = text.find_last_not_of(' ', at);
      if (text[before] == '"' && text.find_first_of("0123456789", at) == at + 4) close = before;
    }
    if (open == std::string::npos || close == std::string::npos || close <= open)
      return fail("no query");
    const std::string query = text.substr(open + 1, close - open - 1);
    std::string rest = text.substr(close + 1);
    take(rest);
    const std::string offset = take(rest);
    Set set = set_;
    set.sections.clear();
    const std::string yaml = yaml_of(set) + "themes:\n - id: t\n   query: |-\n     " + query + "\n";
    const RuleSet::Compiled compiled = RuleSet::compile(yaml, "case");
    std::string got;
    for (const Diagnostic& each : compiled.diagnostics) {
      const std::string message = fmt::format("{}: {}", each.column - 6, each.message);
      if (each.is_error == error && message.starts_with(offset + " " + rest)) return;
      got += " " + message + ";";
    }
    fail(fmt::format("\"{}\" gave{}", query, got.empty() ? " nothing" : got));
  }

  std::size_t& cases_;
  std::size_t number_ = 0;
  Set set_;
  bool used_ = false;
  std::shared_ptr<const RuleSet> rules_;
  Matcher matcher_;
};

}  // namespace

std::vector<std::string> run_case_file(const std::string& text, std::size_t& cases) {
  Runner runner(cases);
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) runner.line(++number, line);
  return std::move(runner.failures);
}

}  // namespace vigie
