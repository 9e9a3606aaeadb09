#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/registry.h"
#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"
#include "pipeline/net/signature.h"

namespace vigie {

struct WebhookOptions {
  std::string name;  // of the connector, as the mentions carry it
  std::vector<std::string> networks;
  std::vector<Op> ops = {Op::Create, Op::Update, Op::Engagement};
  std::vector<WebhookSecret> secrets;  // none: whoever calls has been let in by other means
  std::size_t max_body = std::size_t{1} * 1024 * 1024;
  std::size_t max_items = 1000;
};

// Why one item of a body is not taken.
struct WebhookItemError {
  enum class Reason : unsigned char {
    NotAMention,  // 422
    NotAllowed,   // 403: another network or op than this source is bound to
  };
  std::size_t index = 0;  // from 0, blank lines not counted
  Reason reason = Reason::NotAMention;
  std::string message;  // names the item and what was expected
};

// What a body holds. Who wants all or nothing takes the mentions only when `errors` is empty.
struct WebhookBody {
  std::vector<Mention> mentions;
  std::vector<WebhookItemError> errors;
};

// Turns the body of a POST into mentions. It speaks no HTTP: the API calls it with what it has
// received. Immutable; any thread may call it.
class WebhookSource {
 public:
  WebhookSource(WebhookOptions options, Clock clock);

  // Whether senders sign; then `verify` decides who may send.
  bool is_signed() const { return verifier_.has_value(); }
  // Fails with Denied (401). Without secrets everybody is let in.
  Result<void> verify(const WebhookHeaders& headers, std::string_view body) const;

  // Reads one mention, a JSON array of them, or NDJSON: by `content_type`
  // (application/x-ndjson, application/jsonl) or by the look of the body. A body that cannot be
  // cut into items or is over a limit fails with Invalid (400); no item is looked at then. The
  // mentions carry this connector's name and no `seen_at`, which is the receiver's to say.
  Result<WebhookBody> read(std::string_view body, std::string_view content_type) const;

  const WebhookOptions& options() const { return options_; }

 private:
  WebhookOptions options_;
  std::optional<WebhookVerifier> verifier_;
};

// Reads the options of a source of kind `webhook`: networks, ops, secrets, max_body_bytes,
// max_items. `networks` is the source's own name when it is not given.
Result<std::unique_ptr<WebhookSource>> make_webhook(const ConnectorSettings& settings, Clock clock);

}  // namespace vigie
