#include <cerrno>
#include <cstdio>
#include <system_error>
#include <unordered_set>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/load_rules.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/sample_costs.h"
#include "pipeline/core/json.h"
#include "pipeline/route/route.h"
#include "rules/lint.h"

namespace vigie {
namespace {

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
  const std::optional<LoadedRules> loaded = load_rules(command.rules, command.strict, exit);
  if (!loaded) return exit;
  const RuleSet& rules = *loaded->rules;
  bool bad = print_diagnostics(lint(loaded->text, command.rules, system_clock()()), command.strict);
  if (!command.sample.empty()) {
    auto costs = sample_costs(command.rules, loaded->text, rules, command.sample);
    if (!costs) return report(costs.error());
    bad = print_diagnostics(std::move(costs->warnings), command.strict) || bad ||
          costs->bad_lines > 0;
  }
  if (bad) return Exit::Input;
  fmt::print("{}: good: {} rules, {} routes, version {}\n", command.rules, rules.rules().size(),
             rules.routes().size(), rules.version());
  return Exit::Good;
}

Exit rules_match(const RulesCommand& command) {
  Exit exit = Exit::Good;
  const std::optional<LoadedRules> loaded = load_rules(command.rules, command.strict, exit);
  if (!loaded) return exit;
  const std::shared_ptr<const RuleSet>& rules = loaded->rules;
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
