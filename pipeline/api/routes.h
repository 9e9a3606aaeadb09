#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "pipeline/api/auth.h"
#include "pipeline/api/http.h"
#include "pipeline/api/server.h"
#include "pipeline/net/signature.h"

namespace vigie {

class IdempotencyMemory;

// What answers are made from. Any thread; everything outlives it.
struct Service {
  const ApiOptions& options;
  const ApiParts& parts;
  const WebhookVerifier* webhooks;  // null: none configured
  std::mutex& backtest;             // held by the one that runs
  IdempotencyMemory& idempotency;

  // For routes from the view alone.
  const ViewParts& view() const { return *parts.view; }
};

enum class Access : std::uint8_t {
  Public,  // anybody
  Read,    // reader, social, community, admin
  Act,     // social, community, admin; the answer looks at whose item it is
  Write,   // ingest, admin, or a signed webhook
  Admin,
};

// Where an answer is made: on the event loop, among the few threads that read the store, among
// those that wait until something is written, or until it is folded; a stream is a conversation of
// its own.
enum class RunsOn : std::uint8_t { Loop, Reader, Writer, Actor, Stream };

// What an answer is made from: any node's own parts, or the view that not every node folds.
enum class From : std::uint8_t { Node, View };

struct RouteEntry {
  std::string_view name;     // label in metrics
  std::string_view method;   // GET serves HEAD too
  std::string_view pattern;  // {name} stands for one segment
  Access access = Access::Read;
  RunsOn runs_on = RunsOn::Reader;
  From from = From::Node;
  std::span<const std::string_view> params;
  Response (*answer)(const Service& service, const Principal& who, const Request& request);
  Feed& (*feed)(const ViewParts& view, const Request& request) = nullptr;  // of a stream
};

// Every route there is.
std::span<const RouteEntry> all_routes();

// A request on its way to its answer.
struct Job {
  const RouteEntry* route = nullptr;
  const Service* service = nullptr;
  Principal who;
  Request request;
  Response response;
};

// Looks at the header of `job.request`: which route it asks for, who asks and whether they may.
// Fills the job; or says why not. A write with a webhook signature passes: it is verified once the
// body is there.
std::optional<Response> admit(const Service& service, const Authenticator& authenticator, Job& job,
                              bool has_body);

// A 401 (nobody or unknown) or 403 with its challenge.
Response unauthorized(unsigned status, std::string_view detail);

// Adds a header as it was sent.
void add_header(Request& request, std::string_view name, std::string_view value);

// What is wrong with the Host of a request or with its target, which becomes path and query.
// Without tokens the Host has to name this machine's loopback: what keeps a web page elsewhere from
// talking to us through a name of its own.
std::optional<Response> check_target(const ApiOptions& options, bool is_http11,
                                     std::string_view target, Request& request);

bool is_loopback_host(std::string_view host);

}  // namespace vigie
