#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "pipeline/core/mention.h"
#include "rules/rule_set.h"

namespace vigie {

// A small brand: "acme" is talked about, "late" and "love" are themes, the first of them urgent.
constexpr std::string_view kAcmeRules = R"(
brand:
  id: acme
  query: 'acme'
  accounts: ["x:@acme"]
  ambassadors: ["x:@ana"]
  timezone: UTC
themes:
  - {id: delivery, query: 'late OR delayed'}
  - {id: praise, query: 'love'}
campaigns:
  - {id: summer, query: 'summer'}
routes:
  - {id: urgent, when: 'theme:delivery', queue: social, priority: high, sla: 1h}
  - {id: rest, when: 'theme:* OR is:brand', queue: community, priority: normal}
)";

inline std::shared_ptr<const RuleSet> acme_rules() {
  const RuleSet::Compiled compiled = RuleSet::compile(kAcmeRules, "acme.yaml");
  for (const Diagnostic& diagnostic : compiled.diagnostics) {
    if (diagnostic.is_error) ADD_FAILURE() << format(diagnostic);
  }
  return compiled.rules;
}

// A post by `fan` that was written when it was seen.
inline Mention acme_mention(std::string id, std::string text, Time seen_at) {
  Mention mention;
  mention.network = "x";
  mention.id = std::move(id);
  mention.kind = Kind::Post;
  mention.author.id = "7";
  mention.author.handle = "fan";
  mention.text = std::move(text);
  mention.created_at = seen_at;
  mention.seen_at = seen_at;
  return mention;
}

inline Mention acme_op(Op op, std::string id, Time seen_at) {
  Mention mention;
  mention.network = "x";
  mention.id = std::move(id);
  mention.op = op;
  mention.seen_at = seen_at;
  return mention;
}

inline Mention acme_author_op(Op op, std::string author, Time seen_at) {
  Mention mention;
  mention.network = "x";
  mention.author.id = std::move(author);
  mention.op = op;
  mention.seen_at = seen_at;
  return mention;
}

}  // namespace vigie
