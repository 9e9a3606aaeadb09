#pragma once

#include <memory>
#include <string_view>

#include <gtest/gtest.h>

#include "rules/rule_set.h"

namespace vigie {

// The rules of a file without errors; each error fails the test.
inline std::shared_ptr<const RuleSet> rules_of(std::string_view yaml) {
  const RuleSet::Compiled compiled = RuleSet::compile(yaml, "r.yaml");
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    if (diagnostic.is_error) ADD_FAILURE() << format(diagnostic);
  }
  return compiled.rules;
}

// What somebody says on the network x at the beginning of 2026.
inline Mention mention_of(std::string_view text) {
  Mention mention;
  mention.network = "x";
  mention.id = "1";
  mention.kind = Kind::Mention;
  mention.author.id = "somebody";
  mention.created_at = parse_time("2026-01-01T00:00:00Z");
  mention.text = text;
  return mention;
}

}  // namespace vigie
