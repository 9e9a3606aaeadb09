// What hostile rule files, queries and texts cost: work and memory in proportion to the input. Each
// input is made at one size and at four times that; memory is counted exactly, by the allocator of
// this program, and time only has to stay clear of the square.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <time.h>

#include "pipeline/core/json.h"
#include "rules/query.h"
#include "rules/rule_set.h"
#include "rules/words.h"

namespace {

std::atomic<std::size_t> live_bytes = 0;
std::atomic<std::size_t> peak_bytes = 0;

void* counted(void* pointer) {
  if (pointer == nullptr) std::abort();
  const std::size_t now = live_bytes += malloc_usable_size(pointer);
  if (now > peak_bytes) peak_bytes = now;
  return pointer;
}

void uncounted(void* pointer) {
  if (pointer != nullptr) live_bytes -= malloc_usable_size(pointer);
  std::free(pointer);
}

}  // namespace

// Every form, so that none of the library's own meets one of these on the other side.
void* operator new(std::size_t size) {
  return counted(std::malloc(size));
}
void* operator new[](std::size_t size) {
  return counted(std::malloc(size));
}
void* operator new(std::size_t size, const std::nothrow_t& /*unused*/) noexcept {
  return counted(std::malloc(size));
}
void* operator new[](std::size_t size, const std::nothrow_t& /*unused*/) noexcept {
  return counted(std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t align) {
  return counted(std::aligned_alloc(static_cast<std::size_t>(align), size));
}
void operator delete(void* pointer) noexcept {
  uncounted(pointer);
}
void operator delete[](void* pointer) noexcept {
  uncounted(pointer);
}
void operator delete(void* pointer, std::size_t /*unused*/) noexcept {
  uncounted(pointer);
}
void operator delete[](void* pointer, std::size_t /*unused*/) noexcept {
  uncounted(pointer);
}
void operator delete(void* pointer, const std::nothrow_t& /*unused*/) noexcept {
  uncounted(pointer);
}
void operator delete[](void* pointer, const std::nothrow_t& /*unused*/) noexcept {
  uncounted(pointer);
}
void operator delete(void* pointer, std::align_val_t /*unused*/) noexcept {
  uncounted(pointer);
}
void operator delete(void* pointer, std::size_t /*unused*/, std::align_val_t /*unused*/) noexcept {
  uncounted(pointer);
}

namespace vigie {
namespace {

struct Cost {
  double seconds = 0;
  std::size_t bytes = 0;
};

// Of the processor, so that other programs on the machine do not count.
double seconds_of_this_thread() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Cost cost_of(const std::function<void()>& work) {
  Cost cost;
  const std::size_t before = live_bytes;
  peak_bytes = before;
  const double start = seconds_of_this_thread();
  work();
  cost.seconds = seconds_of_this_thread() - start;
  cost.bytes = peak_bytes - before;
  return cost;
}

// Four times the input may take some ten times the time before it is called more than linear: the
// square of it takes sixteen. What is quick is not judged.
void expect_in_proportion(const std::string& name, std::size_t size,
                          const std::function<void(std::size_t)>& work) {
  constexpr double kQuick = 0.05;
  constexpr double kTimes = 10;
  work(size / 4);  // tables that are made once
  Cost small = cost_of([&] { work(size); });
  Cost large = cost_of([&] { work(4 * size); });
  for (int again = 0; again < 3 && large.seconds > kQuick && large.seconds > kTimes * small.seconds;
       ++again) {
    small.seconds = std::min(small.seconds, cost_of([&] { work(size); }).seconds);
    large.seconds = std::min(large.seconds, cost_of([&] { work(4 * size); }).seconds);
  }
  if (std::getenv("VIGIE_SHOW_COSTS") != nullptr) {
    fmt::print("{:40} {:9.1f} ms -> {:9.1f} ms (x{:.1f})  {:9} KiB -> {:9} KiB (x{:.1f})\n", name,
               small.seconds * 1e3, large.seconds * 1e3, large.seconds / small.seconds,
               small.bytes / 1024, large.bytes / 1024,
               static_cast<double>(large.bytes) / static_cast<double>(small.bytes + 1));
  }
  EXPECT_TRUE(large.seconds < kQuick || large.seconds < kTimes * small.seconds)
      << name << ": " << small.seconds << " s, four times as much " << large.seconds << " s";
  EXPECT_LT(large.bytes, 6 * small.bytes + 256 * 1024) << name;
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  out.reserve(piece.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

// Pieces with their number in the place of `%`, one after the other.
std::string numbered(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) {
    for (const char c : piece) {
      if (c == '%') {
        out += fmt::format("{}", i);
      } else {
        out += c;
      }
    }
  }
  return out;
}

std::string file_with(std::string_view query) {
  std::string yaml = "brand: {id: a, query: ";
  append_json_string(yaml, query);
  return yaml + "}\n";
}

struct Form {
  std::string name;
  std::function<std::string(std::size_t)> make;
  std::size_t size = 2'500;
};

std::vector<Form> queries() {
  const auto pieces = [](std::string piece) {
    return [piece = std::move(piece)](std::size_t n) { return numbered(piece, n); };
  };
  return {
      {"words joined by OR", [](std::size_t n) { return numbered("w% OR ", n) + "w"; }},
      {"the same word joined by OR", [](std::size_t n) { return repeated("w OR ", n) + "w"; }},
      {"words joined by AND", pieces("w% ")},
      {"excluded words", [](std::size_t n) { return "a" + numbered(" -w%", n); }},
      {"prefixes", [](std::size_t n) { return numbered("w%* OR ", n) + "ww*"; }},
      {"question marks", [](std::size_t n) { return numbered("w?% OR ", n) + "w"; }},
      {"long question marks", [](std::size_t n) { return "w" + repeated("?", n); }, 25'000},
      {"phrases", [](std::size_t n) { return numbered("\"a b%\" OR ", n) + "w"; }},
      {"one long phrase", [](std::size_t n) { return "\"" + numbered("w% ", n) + "\""; }},
      {"one phrase of handles", [](std::size_t n) { return "\"" + numbered("@w%.b ", n) + "\""; }},
      {"one long exact:", [](std::size_t n) { return "exact:\"" + numbered("w% ", n) + "\""; }},
      {"one long word", [](std::size_t n) { return repeated("a", n); }, 50'000},
      {"one word of many", [](std::size_t n) { return repeated("a-", n) + "a"; }, 25'000},
      {"hashtags", [](std::size_t n) { return numbered("#w% OR ", n) + "w"; }},
      {"NEAR of groups",
       [](std::size_t n) {
         return "(" + numbered("w% OR ", n) + "w) NEAR/5 (" + numbered("v% OR ", n) + "v)";
       }},
      {"NEARs", [](std::size_t n) { return numbered("(a NEAR/5 w%) OR ", n) + "w"; }},
      {"values", [](std::size_t n) { return "a lang:(" + repeated("fr OR ", n) + "de)"; }},
      {"fields", [](std::size_t n) { return "a " + numbered("author:@w% ", n); }},
      {"addresses",
       [](std::size_t n) { return "a (" + numbered("url:\"h.com/%\" OR ", n) + "b)"; }},
      {"lower-case operators", pieces("and w% or not ")},
      {"signs after words", pieces("w%, ")},
      {"typographic quotes", pieces("\u201cw%\u201d ")},
      {"AND and OR mixed", [](std::size_t n) { return numbered("a w% OR ", n) + "w"; }},
      {"mixed in groups",
       [](std::size_t n) {
         std::string out = "a";
         for (int i = 0; i < 190; ++i) out = "(" + numbered("a w% OR ", n / 200) + out + ")";
         return out;
       },
       10'000},
      {"open parentheses", [](std::size_t n) { return repeated("(", n); }, 25'000},
      {"closed parentheses", [](std::size_t n) { return "a" + repeated(")", n); }, 25'000},
      {"empty parentheses", [](std::size_t n) { return repeated("()", n); }, 25'000},
      {"minus signs", [](std::size_t n) { return repeated("-", n) + "a"; }, 25'000},
      {"open quotations", [](std::size_t n) { return repeated("\" ", n); }, 25'000},
      {"open regexes", [](std::size_t n) { return repeated("\\/ /", n); }, 25'000},
      {"colons", [](std::size_t n) { return repeated("a:", n); }, 25'000},
      {"a long unknown name", [](std::size_t n) { return repeated("x", n) + ":a"; }, 25'000},
      {"stars", [](std::size_t n) { return repeated("a* b* ", n); }},
      {"white space", [](std::size_t n) { return repeated(" \u00a0", n) + "a"; }, 25'000},
      {"marks", [](std::size_t n) { return "a" + repeated("\u0301\u0323", n); }, 12'500},
      {"emoji", [](std::size_t n) { return repeated("👍 OR ", n) + "👍"; }},
  };
}

TEST(Bounds, AQueryCostsInProportionToItsLength) {
  for (const Form& form : queries()) {
    expect_in_proportion(form.name, form.size, [&](std::size_t size) {
      RuleSet::compile(file_with(form.make(size)), "r.yaml");
    });
  }
}

std::vector<Form> files() {
  const auto rules = [](std::string entry) {
    return [entry = std::move(entry)](std::size_t n) {
      return "brand: {id: a, query: acme}\nthemes:\n" + numbered(entry, n);
    };
  };
  return {
      {"rules", rules("- {id: t%, query: 'acme w% OR late'}\n")},
      {"rules without words", rules("- {id: t%, query: 'lang:fr likes>%'}\n")},
      {"rules with one id", rules("- {id: t, query: a}\n")},
      {"rules with a typo", rules("- {id: t%, qery: a}\n")},
      {"rules with a broken query", rules("- {id: t%, query: '(a'}\n")},
      {"rules with an unknown list", rules("- {id: t%, query: 'author:list:viip%'}\n")},
      {"cases",
       [](std::size_t n) {
         return "themes: [{id: t, query: late, must_match: [" + numbered("late w%,", n) + "]}]\n";
       }},
      {"unknown keys", [](std::size_t n) { return numbered("key%: a\n", n); }},
      {"campaigns",
       [](std::size_t n) {
         return "campaigns:\n" +
                numbered("- {id: c%, query: late, from: 2026-06-01T00:00:00Z}\n", n);
       }},
      {"accounts",
       [](std::size_t n) { return "lists: {vip: [" + numbered("'x:@a%',", n) + "]}\n"; }},
      {"lists", [](std::size_t n) { return "lists: {" + numbered("l%: ['x:@a%'],", n) + "}\n"; }},
      {"routes",
       [](std::size_t n) {
         return "routes:\n" + numbered("- {id: r%, when: late, queue: social}\n", n);
       },
       500},
      {"routes that ask for what is not there",
       [](std::size_t n) {
         return "themes:\n" + numbered("- {id: theme%, query: a}\n", n) + "routes:\n" +
                numbered("- {id: r%, when: 'theme:thene%', queue: social}\n", n);
       },
       500},
      {"rules that ask for a list that is not there",
       [](std::size_t n) {
         return "lists: {" + numbered("list%: ['x:@a%'],", n) + "}\nthemes:\n" +
                numbered("- {id: t%, query: 'a author:list:liszt%'}\n", n);
       },
       500},
      {"business hours",
       [](std::size_t n) {
         return "brand: {id: a, query: a, business_hours: '" + repeated("mon 09:00-10:00; ", n) +
                "'}\n";
       }},
      {"levels", [](std::size_t n) { return "themes: " + repeated("[", n); }},
      {"levels of maps", [](std::size_t n) { return repeated("{a: ", n); }},
      {"anchors",
       [](std::size_t n) {
         std::string out = "a0: &a0 [x]\n";
         for (std::size_t i = 1; i < n; ++i)
           out += fmt::format("a{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
         return out;
       }},
      {"indicators", [](std::size_t n) { return repeated("- ", n); }},
      {"keys without an end", [](std::size_t n) { return repeated("? ", n); }},
      {"an open quotation", [](std::size_t n) { return "themes: '" + repeated("a\n\n", n); }},
      {"a folded query",
       [](std::size_t n) {
         return "brand: {id: a, query: \"acme\n" + repeated("   and, \\\n", n) + " a\"}\n";
       }},
  };
}

TEST(Bounds, ARuleFileCostsInProportionToItsLength) {
  for (const Form& form : files()) {
    expect_in_proportion(form.name, form.size,
                         [&](std::size_t size) { RuleSet::compile(form.make(size), "r.yaml"); });
  }
}

TEST(Bounds, ATextCostsInProportionToItsLength) {
  const auto rules =
      RuleSet::compile(
          "brand: {id: a, query: 'acme OR a', accounts: ['x:@a']}\n"
          "themes:\n"
          "  - {id: near, query: 'a NEAR/3 b'}\n"
          "  - {id: nears, query: '(a OR 東) NEAR/5 (a ONEAR/9 (a OR bb*))'}\n"
          "  - {id: phrase, query: '\"a a\" OR \"東東\" OR exact:\"a a\"'}\n"
          "  - {id: wild, query: 'aa* OR a? OR a??*'}\n"
          "  - {id: tags, query: '#a OR @a OR $a OR 👍'}\n"
          "  - {id: re, query: '/(a+)+$/ OR /(a|a)*b/ OR /x?x?x?x?xxxx/'}\n"
          "  - {id: field, query: 'url:\"a.com/b\" OR mentions:@a OR is:question'}\n",
          "r.yaml")
          .rules;
  ASSERT_TRUE(rules);
  Mention mention;
  mention.network = "x";
  mention.kind = Kind::Mention;
  mention.author.id = "1";
  mention.lang = "en";
  for (const std::string_view piece : {"a",        "a ",     "b ",     "a b ",    "xa",
                                       "東",       "\u0301", "👍",     "👍 ",     "👩\u200D",
                                       "@",        "#",      "@a ",    "#a ",     "$a ",
                                       "#東",      "@a",     "a@a",    "http://", "http://a.com/b ",
                                       "a.com/b ", "a.",     "www.",   "(",       "\"",
                                       "“",        "why ",   "? ",     "l'",      "_",
                                       "-",        "\u200B", "\u00AD", "\xFF",    "1,",
                                       "ก\u0E33",  "🇫🇷",     "\n"}) {
    expect_in_proportion("text of " + testing::PrintToString(std::string(piece)),
                         100'000 / piece.size() / 4, [&](std::size_t times) {
                           Matcher matcher;
                           mention.text = repeated(piece, times);
                           matcher.match(*rules, mention, {.spans = true});
                         });
  }
  for (const std::string_view piece : {"#t% ", "a.io/% ", "@h% ", "w% "}) {
    expect_in_proportion("different pieces of " + std::string(piece), 20'000,
                         [&](std::size_t times) {
                           Matcher matcher;
                           mention.text = numbered(piece, times);
                           matcher.match(*rules, mention, {.spans = true});
                         });
  }
}

std::string first_error(std::string_view yaml) {
  const RuleSet::Compiled compiled = RuleSet::compile(yaml, "r.yaml");
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    if (diagnostic.is_error) return format(diagnostic);
  }
  return compiled.rules ? "no error" : "no error, and no rules";
}

TEST(Bounds, WhatIsOverALimitIsRefusedByAMessageThatNamesTheLimit) {
  EXPECT_EQ(first_error("themes:\n" + numbered("- {id: t%, query: a}\n", 200'001)),
            "r.yaml:1:1: error: more rules than the limit of 200000");
  EXPECT_EQ(first_error("routes:\n" + numbered("- {id: r%, when: a, queue: none}\n", 10'001)),
            "r.yaml:2:1: error: more routes than the limit of 10000");
  EXPECT_EQ(first_error(file_with("a " + repeated("/b/ ", 10'001))),
            "r.yaml:1:40026: error: more regexes than the limit of 10000");
  EXPECT_EQ(first_error(file_with("\"" + numbered("w% ", 101) + "\"")),
            "r.yaml:1:24: error: a phrase of 101 words is longer than the limit of 100");
  EXPECT_EQ(first_error(file_with(numbered("w?% OR ", 257) + "w")),
            "r.yaml:1:2218: error: more wildcards that begin with \"w\" than the limit of 256");
  EXPECT_EQ(first_error(file_with(repeated("a", kMaxQueryBytes + 1))),
            "r.yaml:1:24: error: the query is longer than the limit of 1048576 bytes");
  EXPECT_EQ(first_error(file_with(repeated("(", 5'000) + "a" + repeated(")", 5'000))),
            "r.yaml:1:224: error: nested deeper than the limit of 200 levels");
  EXPECT_EQ(first_error(file_with(repeated("(", 100'000))),
            "r.yaml:1:224: error: nested deeper than the limit of 200 levels");
  EXPECT_EQ(first_error("themes: " + repeated("[", 70) + repeated("]", 70)),
            "r.yaml:1:72: error: more than 64 levels");
}

TEST(Bounds, RegexesThatExplodeElsewhereAreRefusedOrHarmless) {
  EXPECT_EQ(first_error(file_with("a /(a+)+$/ /(a|a)*b/ /(a*)*b/ /(.*)*x/")), "no error");
  EXPECT_EQ(first_error(file_with("/x{1000}{1000}/")),
            "r.yaml:1:24: error: no valid regex: bad repetition operator: {1000}{1000}");
  EXPECT_EQ(first_error(file_with("/(x{1000}){1000}/")),
            "r.yaml:1:24: error: no valid regex: invalid repetition size: {1000}");
  EXPECT_EQ(first_error(file_with("/\\pL{900}y/")),
            "r.yaml:1:24: error: the regex needs more memory than the limit of 524288 bytes");
}

TEST(Bounds, YamlThatUnfoldsIsRefusedAtItsFirstAnchor) {
  EXPECT_EQ(first_error("themes: &a [x]\ncampaigns: [*a, *a]\n"),
            "r.yaml:1:9: error: anchors are not allowed; a text that begins with & stands in "
            "quotes");
  EXPECT_EQ(first_error("themes: [*a]\n"),
            "r.yaml:1:10: error: aliases are not allowed; a text that begins with * stands in "
            "quotes");
}

// Bytes of a valid file in disorder come further than random ones.
TEST(Bounds, AnyBytesAreRulesOrAnErrorWithAPlace) {
  const std::string valid =
      "brand: {id: a, query: 'acme OR \"acme corp\" -jobs', accounts: ['x:@a']}\n"
      "themes:\n  - id: t\n    query: |\n      (late NEAR/5 par*)\n      OR /a\\d+/i é 👍\n"
      "    must_match: [late]\n"
      "routes: [{id: r, when: 'theme:t OR likes>=10', queue: social, sla: 1h}]\n";
  std::mt19937 random(3);
  std::size_t refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes = valid;
    for (std::size_t edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 8);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 12));
          break;
        default:
          bytes.insert(at, 1, "()\"'/:[]{}*&!|-#@?\n\t"[random() % 21]);
      }
      bytes += '\n';
    }
    const RuleSet::Compiled compiled = RuleSet::compile(bytes, "r.yaml");
    bool failed = false;
    for (const Diagnostic& diagnostic : compiled.diagnostics) {
      failed = failed || diagnostic.is_error;
      ASSERT_GE(diagnostic.line, 1U);
      ASSERT_GE(diagnostic.column, 1U);
      ASSERT_LE(diagnostic.line, static_cast<std::size_t>(std::ranges::count(bytes, '\n') +
                                                          std::ranges::count(bytes, '\r')) +
                                     1)
          << bytes;
      ASSERT_FALSE(diagnostic.message.empty());
    }
    ASSERT_EQ(failed, compiled.rules == nullptr) << bytes;
    refused += failed ? 1 : 0;
  }
  EXPECT_GT(refused, 3'000U);
  EXPECT_LT(refused, 9'900U);
}

}  // namespace
}  // namespace vigie
