#include "tests/rules/rule_generator.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "pipeline/core/json.h"
#include "rules/words.h"
#include "tests/rules/generator_words.h"

namespace vigie {
namespace {

std::vector<std::size_t> code_point_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) starts.push_back(i);
  }
  return starts;
}

std::string quoted_list(std::span<const std::string> items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    append_json_string(out, item);
  }
  return out + "]";
}

// Whether it stands as one word alone, so that marks of wildcards may follow.
bool is_one_word(std::string_view text) {
  CutText cut;
  cut.cut(text, "");
  return cut.words().size() == 1 && cut.words()[0].kind == WordKind::Word &&
         cut.words()[0].begin == 0 && cut.words()[0].end == text.size();
}

}  // namespace

RuleGenerator::RuleGenerator(std::uint64_t seed, std::vector<std::string> words)
    : random_(seed), words_(std::move(words)) {}

// Rules and mentions each have a topic: a few words that stand next to each other in the list.
// Those that share one meet in NEARs and phrases.
void RuleGenerator::choose_topic() {
  constexpr std::size_t kStep = 3;
  const std::size_t count = words_.empty() ? kPlain.size() : words_.size();
  topic_ = below(count / kStep) * kStep;
}

std::string RuleGenerator::shared_word() {
  constexpr std::size_t kTopicWords = 5;
  const std::size_t count = words_.empty() ? kPlain.size() : words_.size();
  const std::size_t at = one_in(4) ? below(count) : (topic_ + below(kTopicWords)) % count;
  return words_.empty() ? std::string(kPlain[at]) : words_[at];
}

std::string RuleGenerator::base() {
  if (rare_words_ > 0 && one_in(3)) return fmt::format("w{}", below(rare_words_));
  if (!words_.empty() || !one_in(5)) return shared_word();
  return std::string(any(kOdd));
}

std::string RuleGenerator::word_leaf() {
  return one_in(20) && words_.empty() ? "acme.com" : base();
}

std::string RuleGenerator::wildcard() {
  for (;;) {
    std::string word = shared_word();
    const std::vector<std::size_t> starts = code_point_starts(fold(word));
    word = fold(word);
    if (starts.size() < 3 || !is_one_word(word)) continue;
    const bool star = one_in(2);
    if (star) word.resize(starts[2 + below(starts.size() - 2)]);
    if (!star || one_in(3)) {
      const std::size_t at = 1 + below(code_point_starts(word).size() - 1);
      const std::size_t end =
          at + 1 < starts.size() ? std::min(starts[at + 1], word.size()) : word.size();
      word.replace(starts[at], end - starts[at], "?");
    }
    std::string plain = word;
    std::ranges::replace(plain, '?', 'a');
    if (is_one_word(plain)) return star ? word + "*" : word;
  }
}

std::string RuleGenerator::phrase() {
  std::string out = "\"";
  const std::size_t first = below(4);
  const bool as_in_the_text = !words_.empty() && !one_in(4);
  for (std::size_t i = 0, size = 1 + below(3); i < size; ++i) {
    if (out.size() > 1) out += one_in(8) ? ", " : " ";
    if (as_in_the_text) {
      out += words_[(topic_ + first + i) % words_.size()];
    } else {
      out += one_in(10) ? entity() : base();
    }
  }
  return out + "\"";
}

std::string RuleGenerator::exact() {
  std::string out = "exact:\"" + written(base());
  if (one_in(3)) out += " " + written(base());
  std::erase(out, '\n');
  return std::ranges::count(out, '"') == 1 ? out + "\"" : "exact:Acme";
}

std::string RuleGenerator::entity() {
  if (!words_.empty() && !one_in(4)) {
    const std::string word = shared_word();
    CutText cut;
    cut.cut("#" + word, "");
    if (cut.words().size() == 1 && cut.words()[0].kind == WordKind::Hashtag &&
        cut.words()[0].end == word.size() + 1)
      return "#" + word;
  }
  switch (below(4)) {
    case 0:
      return fmt::format("#{}", any(kTags));
    case 1:
      return fmt::format("@{}", any(kHandles));
    case 2:
      return one_in(2) ? "$ACME" : "$late";
    default:
      return std::string(any(kEmoji));
  }
}

std::string RuleGenerator::regex() {
  if (one_in(2)) return std::string(any(kRegexes));
  std::string word = shared_word();
  if (word.find_first_of("/\\.+*?()[]{}|^$") != std::string::npos) return "/\\bla/i";
  switch (below(4)) {
    case 0:
      return "/" + word + "/";
    case 1:
      return "/" + word + "/i";
    case 2:
      return "/\\b" + word + "\\s/i";
    default:
      return "/(" + word + "|la+te)s?/";
  }
}

std::string RuleGenerator::tag() {
  if (labels_.empty() || one_in(4)) {
    constexpr std::array kAny = {"theme:*"sv, "campaign:*"sv, "competitor:*"sv};
    return std::string(any(kAny));
  }
  return labels_[below(labels_.size())];
}

std::string RuleGenerator::field(Where where) {
  constexpr std::array kSimple = {"author:@bob"sv,
                                  "author:@BigFan"sv,
                                  "author:id:7"sv,
                                  "author:new"sv,
                                  "author:brand"sv,
                                  "author:ambassador"sv,
                                  "author:list:vip"sv,
                                  "author:list:press"sv,
                                  "to:brand"sv,
                                  "mentions:@acme"sv,
                                  "mentions:@Late"sv,
                                  "reply_to:@acme"sv,
                                  "reply_to:@Bob"sv,
                                  "conversation:42"sv,
                                  "conversation:\"4 2\""sv,
                                  "country:FR"sv,
                                  "country:us"sv,
                                  "city:\"new york\""sv,
                                  "city:(lyon OR orleans)"sv,
                                  "is:question"sv,
                                  "is:verified"sv,
                                  "has:link"sv,
                                  "has:media"sv,
                                  "has:place"sv};
  switch (below(8)) {
    case 0:
      return fmt::format("{}{}{}", any(kNumbers), any(kSigns), below(12));
    case 1:
      return fmt::format("lang:{}", one_in(3) ? "(fr OR de)" : one_in(2) ? "fr" : "FR-ca");
    case 2:
      return fmt::format("{}:\"{}\"", one_in(3) ? "site" : "url", any(kSites));
    case 3:
      return one_in(2) ? fmt::format("network:{}", any(kNetworks))
                       : fmt::format("kind:({} OR {})", any(kKinds), any(kKinds));
    case 4:
      if (where != Where::Brand) return "is:brand";
      [[fallthrough]];
    default:
      return std::string(any(kSimple));
  }
}

std::string RuleGenerator::leaf(Where where) {
  if (where == Where::Route && one_in(3)) return tag();
  switch (below(16)) {
    case 0:
    case 1:
      return wildcard();
    case 2:
    case 3:
      return phrase();
    case 4:
      return exact();
    case 5:
    case 6:
      return entity();
    case 7:
      return regex();
    case 8:
    case 9:
      return field(where);
    default:
      return word_leaf();
  }
}

std::string RuleGenerator::operand(int depth) {
  switch (depth > 0 ? below(5) : 0) {
    case 1:
      return "(" + operand(depth - 1) + " OR " + operand(depth - 1) + ")";
    case 2:
      return "(" + near(depth - 1) + ")";
    default:
      break;
  }
  switch (below(8)) {
    case 0:
      return wildcard();
    case 1:
      return phrase();
    case 2:
      return exact();
    case 3:
      return entity();
    default:
      return word_leaf();
  }
}

std::string RuleGenerator::near(int depth) {
  std::string out = operand(depth);
  for (std::size_t left = one_in(6) ? 2 : 1; left > 0; --left) {
    out += fmt::format(" {}NEAR/{} {}", one_in(3) ? "O" : "", one_in(5) ? 20 : below(5),
                       operand(depth));
  }
  return out;
}

std::string RuleGenerator::query(int depth) {
  choose_topic();
  return query(depth, Where::Rule);
}

std::string RuleGenerator::query(int depth, Where where) {
  switch (depth > 0 ? below(9) : 0) {
    case 0:
    case 1:
    case 2:
      return leaf(where);
    case 3:
    case 4:
      return fmt::format("({}{}{})", query(depth - 1, where), one_in(2) ? " " : " AND ",
                         query(depth - 1, where));
    case 5: {
      std::string out = "(" + query(depth - 1, where);
      for (std::size_t left = 1 + below(4); left > 0; --left)
        out += " OR " + query(depth - 1, where);
      return out + ")";
    }
    case 6:
      return fmt::format("{}{}", one_in(2) ? "NOT " : "-", query(depth - 1, where));
    default:
      return "(" + near(one_in(2) ? 1 : 0) + ")";
  }
}

GeneratedRules RuleGenerator::rules(std::size_t count) {
  GeneratedRules made;
  rare_words_ = count > 100 ? count * 2 : 0;
  labels_.clear();
  made.rules.accounts = {"x:@acme", "bluesky:did:plc:abc", "instagram:77"};
  made.rules.ambassadors = {"x:@ana_acme", "mastodon:@bob"};
  made.rules.lists = {{"vip", {"x:@bigfan", "x:7"}}, {"press", {"reddit:@bob"}}};

  const auto add = [&](std::string label, Where where, std::string_view rest) {
    choose_topic();
    std::string text = query(3, where);
    std::optional<QueryNode> root = parse_query(text).root;
    while (is_true_of_nothing(*root)) {
      text = query(3, where);
      root = parse_query(text).root;
    }
    std::string entry = "  - {id: ";
    append_json_string(entry, std::string_view(label).substr(label.find(':') + 1));
    entry += ", query: ";
    append_json_string(entry, text);
    entry += std::string(rest) + "}\n";
    if (where != Where::Brand) labels_.push_back(label);
    made.rules.rules.push_back({std::move(label), std::move(*root), {}, {}});
    made.queries.push_back(std::move(text));
    return entry;
  };

  std::string themes;
  std::string campaigns;
  std::string competitors;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t which = below(10);
    if (which == 0) {
      competitors += add(fmt::format("competitor:g{}", i), Where::Rule, "");
    } else if (which == 1) {
      const std::string_view from = one_in(3) ? ""sv : any(kTimes);
      const std::string_view until = one_in(3) ? ""sv : any(kTimes);
      const bool in_order = from.empty() || until.empty() || *parse_time(from) < *parse_time(until);
      std::string rest;
      if (in_order && !from.empty()) rest += fmt::format(", from: \"{}\"", from);
      if (in_order && !until.empty()) rest += fmt::format(", until: \"{}\"", until);
      campaigns += add(fmt::format("campaign:c{}", campaigns.empty() ? 0 : i), Where::Rule, rest);
      if (in_order && !from.empty()) made.rules.rules.back().from = parse_time(from);
      if (in_order && !until.empty()) made.rules.rules.back().until = parse_time(until);
    } else {
      themes += add(fmt::format("theme:{}{}", one_in(2) ? "t" : "T", i), Where::Rule, "");
    }
  }
  made.yaml = fmt::format("lists: {{vip: {}, press: {}}}\n", quoted_list(made.rules.lists["vip"]),
                          quoted_list(made.rules.lists["press"]));
  const std::string brand = add("brand", Where::Brand, "");
  made.yaml += fmt::format("brand: {{id: acme, accounts: {}, ambassadors: {}, query: {}",
                           quoted_list(made.rules.accounts), quoted_list(made.rules.ambassadors),
                           brand.substr(brand.find("query: ") + 7));
  if (!themes.empty()) made.yaml += "themes:\n" + themes;
  if (!campaigns.empty()) made.yaml += "campaigns:\n" + campaigns;
  if (!competitors.empty()) made.yaml += "competitors:\n" + competitors;
  made.yaml += "routes:\n";
  for (std::size_t i = 0; i < 6; ++i) {
    const std::string text = query(2, Where::Route);
    const std::string id = fmt::format("r{}", i);
    made.yaml += fmt::format("  - {{id: {}, queue: social, when: ", id);
    append_json_string(made.yaml, text);
    made.yaml += "}\n";
    made.rules.routes.push_back({id, *parse_query(text).root});
  }
  return made;
}

// One of the ways in which people write the same word.
std::string RuleGenerator::written(std::string word) {
  switch (below(9)) {
    case 0:
      for (char& c : word) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
      return word;
    case 1:
      if (word[0] >= 'a' && word[0] <= 'z') word[0] = static_cast<char>(word[0] - 32);
      return word;
    case 2:
      return fold(word);
    case 3:
      return "#" + word;
    case 4:
      return "@" + word;
    default:
      return word;
  }
}

std::string RuleGenerator::text(std::size_t words) {
  constexpr std::array kGaps = {", "sv, ". "sv, "\n"sv, ""sv, "-"sv, "  "sv, "\u00a0"sv, " \""sv};
  constexpr std::array kTraps = {"K"sv,  "ſale"sv, "SSALE"sv,    "x"sv,
                                 "yz"sv, "ate"sv,  "order 12"sv, "«late»"sv};
  std::string out;
  for (; words > 0; --words) {
    switch (below(14)) {
      case 0:
        out += entity();
        break;
      case 1:
        out += any(kEmoji);
        break;
      case 2:
        out += one_in(2) ? any(kLinks) : any(kTraps);
        break;
      case 3:
        out += one_in(2) ? any(kSpoken) : any(kOdd);
        break;
      default:
        out += written(base());
    }
    out += one_in(4) ? any(kGaps) : " "sv;
  }
  return out;
}

Mention RuleGenerator::mention() {
  choose_topic();
  Mention mention;
  const auto handle = [&] { return std::string(any(kHandles)); };
  mention.network = one_in(2) ? "x"sv : any(kNetworks);
  mention.id = "1";
  mention.kind = one_in(2) ? Kind::Mention : *parse_kind(any(kKinds));
  mention.author.id = one_in(4) ? "7" : one_in(4) ? "did:plc:abc" : "somebody";
  if (!one_in(3)) mention.author.handle = handle();
  if (one_in(2)) mention.author.followers = static_cast<std::int64_t>(below(12));
  if (one_in(2)) mention.author.verified = one_in(2);
  if (!one_in(4)) mention.lang = any(kLangs);
  if (one_in(3)) mention.conversation_id = one_in(2) ? "42" : "4 2";
  if (one_in(3)) mention.in_reply_to_author = Person{one_in(3) ? "77" : "9", handle()};
  if (one_in(4)) mention.mentions = {{{"77", ""}, {"5", "@" + handle()}}};
  if (one_in(4)) mention.links = {{std::string(any(kLinks)), std::string(any(kLinks))}};
  if (one_in(3)) mention.url = any(kLinks);
  if (one_in(3)) mention.media.push_back({"image", "https://acme.com/i.png"});
  if (one_in(3)) {
    mention.place.emplace();
    if (one_in(2)) mention.place->country = one_in(2) ? "FR" : "US";
    if (one_in(2)) mention.place->city = any(kCities);
  }
  for (auto* count :
       {&mention.engagement.likes, &mention.engagement.replies, &mention.engagement.shares,
        &mention.engagement.views, &mention.engagement.clicks}) {
    if (one_in(2)) *count = static_cast<std::int64_t>(below(12));
  }
  if (one_in(6)) mention.campaign = "c0";
  if (!one_in(8)) mention.created_at = parse_time(any(kTimes));
  if (one_in(3)) mention.seen_at = parse_time(any(kTimes));
  mention.text = text(one_in(20) ? 60 : below(14));
  return mention;
}

}  // namespace vigie
