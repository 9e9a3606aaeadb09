#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/load_rules.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/sample_costs.h"
#include "pipeline/core/json.h"
#include "pipeline/route/authors_seen.h"
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

// Lines of the standard input through a large buffer; a line has no end of line. Of one that is
// longer than a mention may be, the start stands for it.
class InputLines {
 public:
  // `before_waiting` is called before each read, which may take as long as the input likes.
  explicit InputLines(std::function<void()> before_waiting)
      : before_waiting_(std::move(before_waiting)) {}

  // False at the end of the input and when it cannot be read. What was read of a line by then is no
  // line.
  bool next(std::string_view& line) {
    while (true) {
      const std::size_t end = buffer_.find('\n', begin_);
      if (end != std::string::npos) {
        line = std::string_view(buffer_).substr(begin_, end - begin_);
        begin_ = end + 1;
        if (std::exchange(in_long_line_, false)) continue;
        return true;
      }
      if (buffer_.size() - begin_ > kMaxMentionBytes) {
        line = std::string_view(buffer_).substr(begin_, kMaxMentionBytes + 1);
        begin_ = buffer_.size();
        if (!std::exchange(in_long_line_, true)) return true;
      }
      if (ended_) {
        if (failure_ != 0 || begin_ == buffer_.size() || in_long_line_) return false;
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
    before_waiting_();
    ssize_t got = 0;
    do {
      got = ::read(STDIN_FILENO, buffer_.data() + had, kChunk);
    } while (got < 0 && errno == EINTR);
    if (got < 0) failure_ = errno;
    buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    ended_ = got <= 0;
  }

  static constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::function<void()> before_waiting_;
  std::string buffer_;
  std::size_t begin_ = 0;
  bool in_long_line_ = false;  // its start was given out; the rest is passed over
  bool ended_ = false;
  int failure_ = 0;  // errno of the read that failed
};

constexpr std::size_t kFlushAt = std::size_t{1} << 18;

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
  AuthorsSeen authors;
  bool is_new = false;
  Matcher::Options options;
  options.spans = command.spans;
  options.is_new_author = [&](const Mention&) { return is_new; };
  std::string out;
  Result<void> written;
  // Who waits for the answer to a line gets it before the next one is waited for.
  const auto write = [&] {
    std::fwrite(out.data(), 1, out.size(), stdout);
    out.clear();
    written = flush_output();
  };
  InputLines lines(write);
  std::string_view line;
  bool bad = false;
  for (std::int64_t number = 1; lines.next(line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto mention = reader.read(line);
    if (mention) {
      is_new = brings_message(*mention) && authors.first(*mention);
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
    if (out.size() >= kFlushAt) write();
    // The input may have no end; what nobody gets need not be made.
    if (!written) return report(written.error());
  }
  write();
  if (!written) return report(written.error());
  if (authors.left_out() > 0) {
    say(fmt::format("author:new: more than {} authors; {} mentions of further ones count as new\n",
                    AuthorsSeen::kMost, authors.left_out()));
  }
  if (auto read = lines.healthy(); !read) return report(read.error());
  return bad ? Exit::Input : Exit::Good;
}

}  // namespace vigie
