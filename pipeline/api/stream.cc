#include "pipeline/api/stream.h"

namespace vigie {
namespace {

void append_event(std::string& out, std::string_view type, std::string_view id,
                  std::string_view data) {
  out.append("event: ").append(type).append("\nid: ").append(id).append("\ndata: ");
  out.append(data).append("\n\n");
}

}  // namespace

Follower::Follower(ServerState& server, Feed& feed, const std::shared_ptr<Waker>& waker)
    : server_(server), unsubscribe_(feed.subscribe([waker] { waker->wake(); })) {
  server_.metrics.stream_clients(1);
}

Follower::~Follower() {
  unsubscribe_();
  server_.stream_clients.fetch_sub(1);
  server_.metrics.stream_clients(-1);
}

std::string events_text(const Feed::Page& page) {
  std::string out;
  if (page.reset) append_event(out, "reset", page.last_id, "{}");
  for (const Feed::Event& event : page.events) append_event(out, event.type, event.id, event.data);
  return out;
}

}  // namespace vigie
