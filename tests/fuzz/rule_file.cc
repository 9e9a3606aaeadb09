#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rules/explain.h"
#include "rules/lint.h"
#include "rules/rule_set.h"

// Any bytes are a rule set or errors; a rule set runs its own cases and matches a text, an
// explanation says of each rule what the match does, and there may be doubts about it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const vigie::RuleSet::Compiled compiled = vigie::RuleSet::compile(text, "fuzz.yaml");
  bool failed = false;
  for (const vigie::Diagnostic& diagnostic : compiled.diagnostics)
    failed = failed || diagnostic.is_error;
  if (failed == (compiled.rules != nullptr)) std::abort();
  if (!compiled.rules) return 0;
  compiled.rules->run_cases();
  vigie::Mention mention;
  mention.network = "x";
  mention.kind = vigie::Kind::Mention;
  mention.author = {.id = "1", .handle = "acme"};
  mention.text = "my order is late, @acme! #acme 🎉 東京 l'avion https://acme.example/a?";
  vigie::Matcher matcher;
  const vigie::Verdict& verdict = matcher.match(*compiled.rules, mention, {.spans = true});
  for (const vigie::Span& span : verdict.spans) {
    if (span.begin >= span.end || span.end > mention.text.size()) std::abort();
  }
  const vigie::Explainer explainer(compiled.rules, text, "fuzz.yaml");
  for (const vigie::Rule& rule : compiled.rules->rules()) {
    const auto explanation = explainer.explain(mention, rule.label, {});
    if (!explanation || explanation->rules.size() != 1) std::abort();
    const vigie::RuleExplanation& one = explanation->rules.front();
    if (one.matched != one.clause.holds && one.note.empty()) std::abort();
    if (one.clause.holds != vigie::stopped_by(one).empty()) std::abort();
  }
  vigie::lint(text, "fuzz.yaml", vigie::Time{});
  return 0;
}
