#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"

namespace vigie {

// What a sender may write, and under which name.
struct WebhookGrant {
  std::string name;  // of the connector, as the mentions carry it
  bool everything = false;
  std::vector<std::string> networks;  // looked at unless `everything`
  std::vector<std::string> ops;       // as in a mention; looked at unless `everything`
};

// Why one item of a body is not taken.
struct WebhookItemError {
  enum class Reason : unsigned char {
    NotAMention,  // 422
    NotAllowed,   // 403: another network or op than this sender is bound to
  };
  std::size_t index = 0;  // from 0, blank lines not counted
  Reason reason = Reason::NotAMention;
  std::string message;  // what was expected
  std::string bytes;    // the item, for the dead letters
};

// What a body holds. Who wants all or nothing takes the mentions only when `errors` is empty.
struct WebhookBody {
  std::vector<Mention> mentions;
  std::vector<WebhookItemError> errors;
};

constexpr std::size_t kWebhookItems = 10'000;

// Turns the body of a POST into mentions: one, a JSON array of them, or NDJSON; which of these is
// seen from the body, as senders often name the wrong type. It speaks no HTTP: who has received,
// bounded and authenticated the body calls it. An empty body, an array that is no JSON, none or
// more than `max_items` fail with Invalid (400). A tick is nobody's to send. The mentions carry the
// grant's name and no `seen_at`, which is the receiver's to say. Any thread.
Result<WebhookBody> read_webhook(std::string_view body, const WebhookGrant& grant,
                                 std::size_t max_items = kWebhookItems);

}  // namespace vigie
