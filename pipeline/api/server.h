#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"
#include "rules/explain.h"
#include "rules/rule_set.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/feed.h"
#include "state/queues.h"

namespace prometheus {
class Registry;
}

namespace vigie {

// Reader sees everything but the text of direct messages; Social and Community are readers, too,
// and Social sees that text; Ingest writes mentions and reads nothing; Admin may do all of it.
enum class Role : std::uint8_t { Reader, Social, Community, Ingest, Admin };

// A bearer token as the config has it: the SHA-256 of the secret, never the secret itself.
struct ApiToken {
  std::string name;
  std::string sha256_hex;
  std::vector<Role> roles;
  std::vector<std::string>
      networks;                  // of an ingest token: what it may write; empty: only `webhook`
  std::vector<std::string> ops;  // of an ingest token; empty: create, update, engagement
};

struct ApiOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: the kernel chooses
  std::string tls_certificate_file;
  std::string tls_key_file;
  bool behind_proxy = false;
  std::vector<ApiToken> tokens;              // none: loopback only, everything is open
  std::vector<std::string> webhook_secrets;  // Standard Webhooks, whsec_...
  // What a signed sender may write; none: the network `webhook`, and create, update, engagement.
  std::vector<std::string> webhook_networks;
  std::vector<std::string> webhook_ops;
  std::size_t max_body_bytes = std::size_t{8} << 20;
  // Bodies that are being read or answered, all together: of senders who have shown a token (or
  // need none), and of those whose signature can only be told from the whole body.
  std::size_t max_bodies_bytes = std::size_t{64} << 20;
  std::size_t max_signed_bodies_bytes = std::size_t{32} << 20;
  std::size_t max_connections = 1024;
  std::size_t max_stream_clients = 256;
  std::size_t max_header_bytes = std::size_t{16} << 10;
  std::chrono::milliseconds header_timeout = std::chrono::seconds{10};
  std::chrono::milliseconds body_timeout = std::chrono::seconds{30};
  std::chrono::milliseconds write_timeout = std::chrono::seconds{30};  // of an answer or an event
  std::chrono::milliseconds idle_timeout = std::chrono::seconds{60};   // between requests
  std::chrono::milliseconds heartbeat = std::chrono::seconds{15};      // of streams
};

// What a sender may write, and under which name.
struct Grant {
  std::string connector;  // the token's name, "webhook" or "api"
  bool everything = false;
  std::vector<std::string> networks;
  std::vector<std::string> ops;
};

// What one POST brought, within what its sender may write. `seen_at` is empty.
struct Delivery {
  std::string connector;
  std::vector<Mention> mentions;
  // An item that is not taken: no mention, or another's to write (`denied`).
  struct Refused {
    std::size_t index = 0;
    std::string reason;
    std::string bytes;
    bool denied = false;
  };
  std::vector<Refused> refused;  // those that are no mentions go to the dead letters
};

// What became of a delivery, once it is durable.
struct Accepted {
  std::size_t logged = 0;
  std::size_t dropped = 0;  // by `keep`
  std::size_t dead_lettered = 0;
};

// What the service says of itself.
struct Readiness {
  bool ready = false;
  std::vector<std::pair<std::string, std::string>> checks;  // name, "ok" or what is wrong
};

// What a node serves that folds a view. Everything outlives the server; the functions may be called
// from any of its threads.
struct ViewParts {
  const Queues& queues;
  Feed& social;  // queue changes without text, one feed a queue
  Feed& community;
  Feed& alerts;
  const CounterReader& counters;
  const AuthorSetReader& author_sets;
  const FirstSeenReader& first_seen;
  // Stream time of what is served, for `as_of`.
  std::function<Time()> as_of;
  // The `tagged` record of a message (JSON), or empty when it has no text any more.
  std::function<Result<std::optional<std::string>>(std::string_view key)> tagged;
  // Currently firing alerts as JSON objects, newest first.
  std::function<std::vector<std::string>()> firing;
};

// What the API serves and whom it asks. Everything outlives the server; the functions may be called
// from any of its threads.
struct ApiParts {
  // Empty on a node without the role: what is made from a view is 404 there.
  std::optional<ViewParts> view;
  prometheus::Registry& registry;
  Clock clock;
  // Under which key an author is known.
  std::function<AuthorKey(std::string_view network, std::string_view id)> author_key;
  // Reads the body of a POST. Invalid (400) when it cannot be cut into items.
  std::function<Result<Delivery>(std::string_view body, const Grant& grant)> read;
  // Stores a delivery and returns once it is durable. Throttled and Unavailable are told to the
  // sender, who comes again. Empty: this node takes none.
  std::function<Result<Accepted>(Delivery delivery)> accept;
  // Writes an action on an item (without its record time) and returns once this node's fold has
  // passed it, or after a wait that has an end. Empty: this node takes none.
  std::function<Result<ActionDone>(ConversationRecord action)> act;
  // Asks for an author to be erased and returns the erasure's id once that is durable. Empty: this
  // node takes none.
  std::function<Result<std::string>(const std::string& network, const std::string& id)>
      erase_author;
  // How far an erasure is, as JSON; empty when it is not known.
  std::function<Result<std::optional<std::string>>(std::string_view id)> erasure;
  // The rules in use; null while there are none.
  std::function<std::shared_ptr<const RuleSet>()> rules;
  // Explains these rules; null while there are none.
  std::function<std::shared_ptr<const Explainer>()> explainer;
  std::function<Readiness()> readiness;
};

// The HTTP server: one port, own threads. Starts listening in `start`, ends streams and connections
// in `stop` (also called by the destructor).
class ApiServer {
 public:
  // Invalid when the options are unsafe (beyond loopback without tokens or TLS) or wrong;
  // Unavailable when the port is taken.
  static Result<std::unique_ptr<ApiServer>> start(ApiOptions options, ApiParts parts);
  ~ApiServer();

  std::uint16_t port() const;
  void stop();

 private:
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vigie
