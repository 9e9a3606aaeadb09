// Queries and a text against the naive matcher: the first lines are the queries of themes, one of
// them also of the brand and of a route; what follows an empty line is the text. Where both differ,
// it aborts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pipeline/core/json.h"
#include "rules/query.h"
#include "rules/rule_set.h"
#include "tests/rules/naive_matcher.h"

namespace {

// A NEAR of NEARs, or a text of many words, holds in more ways than the naive matcher has time for.
constexpr std::size_t kMaxQuery = 200;
constexpr std::size_t kMaxText = 300;
constexpr std::size_t kMaxQueries = 8;

struct Input {
  vigie::NaiveRules rules;
  std::string yaml;
};

void add_rule(Input& input, std::string label, std::string_view head, std::string_view query) {
  std::optional<vigie::QueryNode> root = vigie::parse_query(query).root;
  if (!root || query.size() > kMaxQuery || vigie::is_true_of_nothing(*root)) return;
  std::string entry(head);
  vigie::append_json_string(entry, query);
  entry += "}\n";
  // What the compiler refuses is no matter of matching; each query alone may be refused.
  const std::string_view lists = "lists: {vip: ['x:@b']}\n";
  const std::string alone = std::string(lists) + (label == "brand" ? "" : "themes:\n") + entry;
  if (!vigie::RuleSet::compile(alone, "fuzz.yaml").rules) return;
  input.yaml += entry;
  input.rules.rules.push_back({std::move(label), std::move(*root), {}, {}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Input input;
  input.rules.accounts = {"x:@a"};
  input.rules.lists = {{"vip", {"x:@b"}}};
  vigie::Mention mention;
  // The first byte chooses the network and a few facts.
  if (rest.empty()) return 0;
  const auto facts = static_cast<unsigned char>(rest[0]);
  constexpr std::string_view kNetworks[] = {"x", "mastodon", "bluesky", "instagram"};
  mention.network = kNetworks[facts % 4];
  mention.author.handle = (facts & 4) != 0 ? "b" : "c";
  mention.lang = (facts & 8) != 0 ? "fr" : "";
  if ((facts & 16) != 0) mention.engagement.likes = 3;
  mention.kind = vigie::Kind::Mention;
  mention.author.id = "1";
  rest.remove_prefix(1);

  std::string_view first;
  input.yaml = "themes:\n";
  while (input.rules.rules.size() < kMaxQueries) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.empty()) break;
    const std::string id = "t" + std::to_string(input.rules.rules.size());
    const std::size_t before = input.rules.rules.size();
    add_rule(input, "theme:" + id, "  - {id: " + id + ", query: ", line);
    if (first.empty() && input.rules.rules.size() > before) first = line;
  }
  if (first.empty() || rest.size() > kMaxText) return 0;
  std::string routes = "lists: {vip: ['x:@b']}\nroutes: [{id: r, queue: social, when: ";
  vigie::append_json_string(routes, first);
  input.yaml += routes + "}]\n";
  input.rules.routes.push_back({"r", *vigie::parse_query(first).root});
  add_rule(input, "brand", "brand: {id: a, accounts: ['x:@a'], query: ", first);
  if (input.rules.rules.back().label != "brand") return 0;
  // The brand's entry was appended to the routes; it is a section of its own.
  const vigie::RuleSet::Compiled compiled = vigie::RuleSet::compile(input.yaml, "fuzz.yaml");
  if (!compiled.rules) {
    for (const vigie::Diagnostic& diagnostic : compiled.diagnostics)
      std::fprintf(stderr, "%s\n", vigie::format(diagnostic).c_str());
    std::abort();
  }

  // Texts come in UTF-8; the edge has checked it.
  mention.text = rest;
  vigie::NaiveMatcher naive(input.rules);
  const vigie::Answer wanted = naive.match(mention, true);
  if (!naive.is_whole()) return 0;
  static vigie::Matcher matcher;
  const vigie::Matcher::Options options{
      .spans = true, .is_new_author = [](const vigie::Mention&) { return true; }};
  const vigie::Answer real =
      answer_of(*compiled.rules, matcher.match(*compiled.rules, mention, options));
  if (real == wanted) return 0;
  std::fprintf(stderr, "%stext: %s\nnaive %s\nreal  %s\n", input.yaml.c_str(), mention.text.c_str(),
               print(wanted).c_str(), print(real).c_str());
  std::abort();
}
