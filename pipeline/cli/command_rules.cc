#include <cerrno>
#include <cstdio>
#include <system_error>
#include <unordered_set>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/report.h"
#include "pipeline/core/json.h"
#include "pipeline/core/yaml.h"
#include "pipeline/route/route.h"
#include "pipeline/run/rules_source.h"
#include "rules/lint.h"

namespace vigie {
namespace {

// Compiles the file and prints what there is to say about it; null when it is not good. `text` is
// what the file holds.
std::shared_ptr<const RuleSet> compile(const RulesCommand& command, Exit& exit, std::string& text) {
  auto read = read_file(command.rules);
  if (!read) {
    exit = report(read.error());
    return nullptr;
  }
  text = std::move(*read);
  RuleSet::Compiled compiled = RuleSet::compile(text, command.rules);
  bool bad = compiled.rules == nullptr;
  for (Diagnostic& diagnostic : compiled.diagnostics) {
    if (command.strict) diagnostic.is_error = true;
    bad = bad || diagnostic.is_error;
    fmt::print(stderr, "{}\n", format(diagnostic));
  }
  exit = bad ? Exit::Input : Exit::Good;
  return bad ? nullptr : compiled.rules;
}

void field_ids(JsonWriter& json, std::string_view field, const RuleSet& rules,
               const std::vector<std::uint32_t>& indices) {
  json.key(field).begin_array();
  for (const std::uint32_t index : indices) json.string(rules.rules()[index].id);
  json.end_array();
}

void append_match(std::string& out, const RuleSet& rules, const Mention& mention,
                  const Verdict& verdict) {
  const Decision decision = decide(rules, mention, verdict);
  JsonWriter json(out);
  json.begin_object().field("network", mention.network).field("id", mention.id);
  field_ids(json, "themes", rules, verdict.themes);
  field_ids(json, "campaigns", rules, verdict.campaigns);
  field_ids(json, "competitors", rules, verdict.competitors);
  json.field("brand", verdict.brand).field("queue", name(decision.queue)).key("route");
  decision.route ? json.string(*decision.route) : json.null();
  json.key("priority");
  decision.priority ? json.string(name(*decision.priority)) : json.null();
  json.key("spans").begin_array();
  for (const Span& span : verdict.spans) {
    json.begin_object().field("rule", rules.rules()[span.rule].label);
    json.field("begin", std::int64_t{span.begin}).field("end", std::int64_t{span.end});
    json.end_object();
  }
  json.end_array().end_object();
}

// The item of a list that a case of must_match or must_not_match was read from. A case tells its
// line; of several items on one line it is that with its text.
const YamlNode* find_case(const YamlNode& node, const RuleSet::CaseResult& wanted) {
  for (const YamlNode& item : node.items) {
    const YamlNode* const text = item.type == YamlNode::Type::Map ? item.find("text") : &item;
    const bool same = text == nullptr ? wanted.text.empty() : text->text == wanted.text;
    if (item.mark.line == wanted.line && same) return &item;
    if (const YamlNode* found = find_case(item, wanted)) return found;
  }
  for (const auto& [key, value] : node.entries) {
    if (const YamlNode* found = find_case(value, wanted)) return found;
  }
  return nullptr;
}

// Lines of the standard input through a large buffer; a line has no end of line.
class InputLines {
 public:
  // False at the end of the input and when it cannot be read. What was read of a line by then is no
  // line.
  bool next(std::string_view& line) {
    while (true) {
      const std::size_t end = buffer_.find('\n', begin_);
      if (end != std::string::npos) {
        line = std::string_view(buffer_).substr(begin_, end - begin_);
        begin_ = end + 1;
        return true;
      }
      if (ended_) {
        if (failure_ != 0 || begin_ == buffer_.size()) return false;
        line = std::string_view(buffer_).substr(begin_);
        begin_ = buffer_.size();
        return true;
      }
      refill();
    }
  }

  Result<void> healthy() const {
    if (failure_ == 0) return {};
    return fail(Code::Unavailable,
                "cannot read the standard input: " + std::generic_category().message(failure_));
  }

 private:
  void refill() {
    buffer_.erase(0, begin_);
    begin_ = 0;
    const std::size_t had = buffer_.size();
    buffer_.resize(had + kChunk);
    const std::size_t got = std::fread(buffer_.data() + had, 1, kChunk, stdin);
    if (std::ferror(stdin) != 0) failure_ = errno;
    buffer_.resize(had + got);
    ended_ = got == 0 || failure_ != 0;
  }

  static constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::string buffer_;
  std::size_t begin_ = 0;
  bool ended_ = false;
  int failure_ = 0;  // errno of the read that failed
};

}  // namespace

Exit rules_check(const RulesCommand& command) {
  Exit exit = Exit::Good;
  std::string text;
  const auto rules = compile(command, exit, text);
  if (!rules) return exit;
  const std::vector<Diagnostic> doubts = lint(text, command.rules, system_clock()());
  for (Diagnostic doubt : doubts) {
    doubt.is_error = command.strict;
    fmt::print(stderr, "{}\n", format(doubt));
  }
  if (command.strict && !doubts.empty()) return Exit::Input;
  fmt::print("{}: good: {} rules, {} routes, version {}\n", command.rules, rules->rules().size(),
             rules->routes().size(), rules->version());
  return Exit::Good;
}

Exit rules_test(const RulesCommand& command) {
  Exit exit = Exit::Good;
  std::string text;
  const auto rules = compile(command, exit, text);
  if (!rules) return exit;
  const Result<YamlNode> yaml = parse_yaml(text, command.rules);
  std::size_t failed = 0;
  const std::vector<RuleSet::CaseResult> results = rules->run_cases();
  for (const RuleSet::CaseResult& result : results) {
    if (result.passed) continue;
    ++failed;
    const YamlNode* const node = yaml ? find_case(*yaml, result) : nullptr;
    const Mark mark = node != nullptr ? node->mark : Mark{.line = result.line, .column = 1};
    fmt::print(stderr, "{}\n",
               at(command.rules, mark,
                  fmt::format("{}: expected {}match: {}", result.rule,
                              result.expected_match ? "a " : "no ", result.text)));
  }
  fmt::print("{} passed, {} failed\n", results.size() - failed, failed);
  return failed == 0 ? Exit::Good : Exit::Input;
}

Exit rules_match(const RulesCommand& command) {
  Exit exit = Exit::Good;
  std::string text;
  const auto rules = compile(command, exit, text);
  if (!rules) return exit;
  MentionReader reader;
  Matcher matcher;
  std::unordered_set<std::string> authors;
  bool is_new = false;
  Matcher::Options options;
  options.spans = command.spans;
  options.is_new_author = [&](const Mention&) { return is_new; };
  InputLines lines;
  std::string out;
  std::string_view line;
  bool bad = false;
  for (std::int64_t number = 1; lines.next(line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto mention = reader.read(line);
    if (mention) {
      is_new = authors.insert(mention->network + '/' + mention->author.id).second;
      append_match(out, *rules, *mention, matcher.match(*rules, *mention, options));
    } else {
      bad = true;
      JsonWriter(out)
          .begin_object()
          .field("error", mention.error().message)
          .field("line", number)
          .end_object();
    }
    out += '\n';
    if (out.size() < (std::size_t{1} << 18)) continue;
    std::fwrite(out.data(), 1, out.size(), stdout);
    out.clear();
    // The input may have no end; what nobody gets need not be made.
    if (auto written = flush_output(); !written) return report(written.error());
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (auto read = lines.healthy(); !read) return report(read.error());
  return bad ? Exit::Input : Exit::Good;
}

}  // namespace vigie
