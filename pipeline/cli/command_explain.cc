#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/load_rules.h"
#include "pipeline/cli/report.h"
#include "pipeline/route/explain_route.h"

namespace vigie {
namespace {

// One mention, over as many lines as it takes.
Result<std::string> read_input() {
  std::string text(kMaxMentionBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stdin));
  if (std::ferror(stdin) != 0) {
    return fail(Code::Unavailable,
                "cannot read the standard input: " + std::generic_category().message(errno));
  }
  return text;
}

}  // namespace

Exit rules_explain(const ExplainCommand& command) {
  Exit exit = Exit::Good;
  std::optional<LoadedRules> loaded = load_rules(command.rules, false, exit);
  if (!loaded) return exit;
  const Explainer explainer(std::move(loaded->rules), loaded->text, command.rules);
  const Result<std::string> input = read_input();
  if (!input) return report(input.error());
  const Result<Mention> mention = MentionReader().read(*input);
  if (!mention) return report({Code::Invalid, "standard input: " + mention.error().message});
  const IsNewAuthor is_new = [&](const Mention&) { return !command.known_author; };
  const Result<Explanation> explanation = explainer.explain(*mention, command.rule, is_new);
  if (!explanation) return report(explanation.error());
  std::string out;
  if (command.json) {
    append_json(out, explainer, *mention, *explanation);
    out += '\n';
  } else {
    out = print(explainer, *mention, *explanation);
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return Exit::Good;
}

}  // namespace vigie
