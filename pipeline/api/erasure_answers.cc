#include "pipeline/api/answers.h"
#include "pipeline/core/ids.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxAuthorId = 512;

}  // namespace

std::optional<Response> author_problem(std::string_view network, std::string_view id) {
  if (!is_network_name(network)) return problem(400, "network: expected a name such as bluesky");
  if (id.size() > kMaxAuthorId) return problem(400, "id: longer than 512 bytes");
  return std::nullopt;
}

Response answer_erase_author(const Service& service, const Principal&, const Request& request) {
  if (!service.parts.erase_author) return problem(503, "this node erases nobody");
  const std::string& network = request.captures[0];
  const std::string& author = request.captures[1];
  if (auto wrong = author_problem(network, author)) return std::move(*wrong);
  const Result<std::string> id = service.parts.erase_author(network, author);
  if (!id) return problem(id.error());
  Response response;
  response.status = 202;
  response.headers.emplace_back("Location", "/api/v1/erasures/" + *id);
  JsonWriter json(response.body);
  json.begin_object().field("id", *id).field("state", "pending");
  json.field("status", "/api/v1/erasures/" + *id).end_object();
  return response;
}

Response answer_erasure(const Service& service, const Principal&, const Request& request) {
  if (!service.parts.erasure) return problem(404, "no such erasure");
  Result<std::optional<std::string>> status = service.parts.erasure(request.captures[0]);
  if (!status) return problem(status.error());
  if (!*status) return problem(404, "no such erasure");
  Response response;
  response.body = std::move(**status);
  return response;
}

}  // namespace vigie
