#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "state/queues.h"
#include "tests/fakes/apply_world.h"

namespace vigie {

inline const Time kNow = *parse_time("2026-11-20T12:00:00Z");

inline Mention update(std::string id, std::string text, std::int64_t version, Time seen_at) {
  Mention mention = acme_mention(std::move(id), std::move(text), seen_at);
  mention.op = Op::Update;
  mention.version = version;
  mention.created_at = kNow;
  return mention;
}

inline Mention likes(std::string id, std::optional<std::int64_t> count, Time seen_at) {
  Mention mention = acme_op(Op::Engagement, std::move(id), seen_at);
  mention.engagement.likes = count;
  return mention;
}

inline Mention by(Mention mention, std::string author) {
  mention.author.id = std::move(author);
  return mention;
}

inline ConversationRecord conversation(const Record& record) {
  auto parsed = parse_conversation_record(record.key, record.value.value_or(""));
  if (!parsed) ADD_FAILURE() << parsed.error().message;
  return parsed.value_or(ConversationRecord{});
}

}  // namespace vigie
