// How fast rules are matched, beside what one would build from RE2 instead.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <malloc.h>
#include <re2/re2.h>

#include "pipeline/core/yaml.h"
#include "rules/query.h"
#include "rules/rule_set.h"
#include "tests/bench/rules/corpus.h"
#include "tests/bench/rules/rivals.h"

namespace vigie::bench {
namespace {

constexpr std::string_view kUsage =
    R"(usage: bench_rules [--rules N,N,...] [--texts N] [--runs N] [--seconds S] [--only-vigie] [--no-spans]
                   [--write DIR]

Matches made-up mentions against made-up rules on one core, from the text to tags and spans, and
prints mentions a second of processor time. Everybody is warmed up on texts of another seed, rivals
for at most S seconds, and then sees each text once: Vigie all of them, the median of so many runs
over a part each, a rival the first ones until S seconds are over. Exits 1 when a rival finds other
tags or spans than Vigie.

  --rules    sizes of the rule sets; 1000,10000,100000 when not given
  --texts    100000 when not given
  --runs     5 when not given
  --seconds  of each rival; 10 when not given
  --write    leaves rules.yaml and mentions.ndjson of the last size in DIR, and times nothing
)";

struct Options {
  std::vector<std::size_t> rules = {1'000, 10'000, 100'000};
  std::size_t texts = 100'000;
  std::size_t runs = 5;
  double seconds = 10;
  bool rivals = true;
  bool spans = true;
  std::string write;
};

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data(), end, value).ptr != end || value == 0) {
    fmt::print(stderr, "expected a number from 1: {}\n", text);
    std::exit(2);
  }
  return value;
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--only-vigie") {
      options.rivals = false;
      continue;
    }
    if (name == "--no-spans") {
      options.spans = false;
      options.rivals = false;
      continue;
    }
    if (i + 1 == argc) {
      fmt::print(stderr, "{}", kUsage);
      std::exit(2);
    }
    std::string_view value = argv[++i];
    if (name == "--rules") {
      options.rules.clear();
      while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        options.rules.push_back(number(value.substr(0, comma)));
        value.remove_prefix(std::min(comma + 1, value.size()));
      }
    } else if (name == "--texts") {
      options.texts = number(value);
    } else if (name == "--runs") {
      options.runs = number(value);
    } else if (name == "--seconds") {
      options.seconds = static_cast<double>(number(value));
    } else if (name == "--write") {
      options.write = value;
    } else {
      fmt::print(stderr, "{}", kUsage);
      std::exit(2);
    }
  }
  return options;
}

// Seconds of the processor that this thread took: what others do meanwhile does not count.
double now() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::size_t heap() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

Found found_by(const Verdict& verdict) {
  Found found;
  found.rules = verdict.themes;
  for (const Span& span : verdict.spans) found.spans.push_back({span.rule, span.begin, span.end});
  return found;
}

void add_regexes(const QueryNode& query, std::vector<std::unique_ptr<re2::RE2>>& out) {
  for (const QueryNode& child : query.children) add_regexes(child, out);
  if (query.kind != QueryNode::Kind::Regex) return;
  re2::RE2::Options options;
  options.set_max_mem(std::int64_t{1} << 20);
  options.set_case_sensitive(!query.ignore_case);
  out.push_back(std::make_unique<re2::RE2>(query.text, options));
  // As of each regex of a rule file is asked, which makes RE2 begin with its automaton.
  (void)re2::RE2::PartialMatch("", *out.back());
}

// What the regexes of the queries take by themselves, wherever they stand.
std::size_t heap_of_regexes(const std::vector<std::string>& queries) {
  std::vector<std::unique_ptr<re2::RE2>> regexes;
  regexes.reserve(queries.size());
  const std::size_t before = heap();
  for (const std::string& query : queries) add_regexes(*parse_query(query).root, regexes);
  return heap() - before;
}

struct VigieResult {
  double mentions_a_second = 0;
  std::vector<Found> found;
};

std::shared_ptr<const RuleSet> compile(const Corpus& corpus) {
  const std::string yaml = corpus.yaml();
  double began = now();
  (void)parse_yaml(yaml, "bench");
  const double yaml_seconds = now() - began;
  const std::size_t before = heap();
  began = now();
  RuleSet::Compiled compiled = RuleSet::compile(yaml, "bench");
  const double seconds = now() - began;
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    if (diagnostic.is_error) fmt::print(stderr, "{}\n", format(diagnostic));
  }
  if (!compiled.rules) std::exit(1);
  compiled.diagnostics.clear();
  compiled.diagnostics.shrink_to_fit();
  const std::size_t after = heap();
  const std::size_t of_regexes = heap_of_regexes(corpus.queries);
  const auto count = static_cast<double>(corpus.queries.size());
  fmt::print(
      "  compile: {:.2f} s, of them {:.2f} s YAML; {:.0f} bytes a rule, {:.0f} of them what its "
      "regexes would take\n",
      seconds, yaml_seconds, static_cast<double>(after - before) / count,
      static_cast<double>(of_regexes) / count);
  return compiled.rules;
}

VigieResult run_vigie(const RuleSet& rules, const std::vector<std::string>& warm_up,
                      const std::vector<std::string>& texts, const Options& options) {
  Matcher matcher;
  Matcher::Options how;
  how.spans = options.spans;
  // One mention that gets each text in turn, as one that was just decoded: a list of mentions is
  // not in the caches, which rivals do not pay for.
  Mention mention;
  mention.network = "x";
  const auto match = [&](const std::string& text) -> const Verdict& {
    mention.text = text;
    return matcher.match(rules, mention, how);
  };
  for (const std::string& text : warm_up) match(text);
  const std::size_t slice = std::max<std::size_t>(1, texts.size() / options.runs);
  VigieResult result;
  std::size_t matches = 0;
  std::size_t spans = 0;
  std::vector<double> speeds;
  for (std::size_t begin = 0; begin + slice <= texts.size(); begin += slice) {
    const double began = now();
    for (std::size_t i = begin; i < begin + slice; ++i) {
      const Verdict& verdict = match(texts[i]);
      matches += verdict.themes.size();
      spans += verdict.spans.size();
    }
    speeds.push_back(static_cast<double>(slice) / (now() - began));
  }
  result.mentions_a_second = median(speeds);
  for (const std::string& text : texts) {
    if (!options.rivals) break;
    result.found.push_back(found_by(match(text)));
  }
  const auto count = static_cast<double>(speeds.size() * slice);
  fmt::print("  {:<28} {:>11.0f} /s   ({:.0f} to {:.0f}; {:.2f} matches, {:.2f} spans a mention)\n",
             "Vigie", result.mentions_a_second, *std::ranges::min_element(speeds),
             *std::ranges::max_element(speeds), static_cast<double>(matches) / count,
             static_cast<double>(spans) / count);
  std::fflush(stdout);
  return result;
}

// Whether the rival agrees.
bool run_rival(std::string_view name, Rival& rival, const std::vector<std::string>& warm_up,
               const std::vector<std::string>& texts, const VigieResult& vigie, double seconds) {
  std::size_t done = 0;
  Found found;
  double began = now();
  double spent = 0;
  for (std::size_t i = 0; i < warm_up.size() && spent < seconds; ++i) {
    rival.match(warm_up[i], found);
    spent = now() - began;
  }
  began = now();
  spent = 0;
  bool same = true;
  for (; done < texts.size() && spent < seconds && same; ++done) {
    rival.match(texts[done], found);
    spent = now() - began;
    same = found.rules == vigie.found[done].rules && found.spans == vigie.found[done].spans;
  }
  const double speed = static_cast<double>(done) / spent;
  fmt::print("  {:<28} {:>11.0f} /s   {:>8.1f} x   ({} texts)\n", name, speed,
             vigie.mentions_a_second / speed, done);
  if (!same) {
    fmt::print("  {} disagrees on: {}\n  Vigie:", name, texts[done - 1]);
    for (const auto& [rule, begin, end] : vigie.found[done - 1].spans)
      fmt::print(" {}[{},{})", rule, begin, end);
    fmt::print("\n  {}:", name);
    for (const auto& [rule, begin, end] : found.spans) fmt::print(" {}[{},{})", rule, begin, end);
    fmt::print("\n");
  }
  std::fflush(stdout);
  return same;
}

std::string json_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void write(const Corpus& corpus, const std::string& directory) {
  std::ofstream(directory + "/rules.yaml") << corpus.yaml();
  std::ofstream mentions(directory + "/mentions.ndjson");
  for (std::size_t i = 0; i < corpus.texts.size(); ++i) {
    mentions << fmt::format(
        R"({{"v":1,"network":"x","id":"{}","kind":"post","op":"create","text":"{}","author":{{"id":"{}","handle":"u{}"}},"created_at":"2026-06-01T00:00:00Z"}})"
        "\n",
        i, json_text(corpus.texts[i]), i % 5000, i % 5000);
  }
}

int run(const Options& options) {
  bool same = true;
  fmt::print("{}, one core\n", processor());
  for (const std::size_t rules : options.rules) {
    const Corpus corpus = make_corpus(rules, options.texts, 42);
    if (!options.write.empty()) {
      write(corpus, options.write);
      continue;
    }
    fmt::print("{} rules\n", rules);
    // Texts of another seed: what the stream teaches and what fills caches and automata.
    const std::vector<std::string> sample =
        make_corpus(rules, std::min<std::size_t>(options.texts, 20'000), 7).texts;
    const VigieResult vigie = run_vigie(*compile(corpus), sample, corpus.texts, options);
    if (!options.rivals) continue;
    const auto beside = [&](std::string_view name, const std::unique_ptr<Rival>& rival) {
      if (rival == nullptr) {
        fmt::print("  {:<28} does not compile these rules within 2 GiB\n", name);
        return;
      }
      same = run_rival(name, *rival, sample, corpus.texts, vigie, options.seconds) && same;
    };
    beside("FilteredRE2 + Aho-Corasick", make_filtered_re2(corpus.queries, sample));
    beside("RE2::Set", make_re2_set(corpus.queries, sample));
    beside("one RE2 a leaf", make_re2_per_leaf(corpus.queries));
  }
  return same ? 0 : 1;
}

}  // namespace
}  // namespace vigie::bench

int main(int argc, char** argv) {
  return vigie::bench::run(vigie::bench::read_options(argc, argv));
}
