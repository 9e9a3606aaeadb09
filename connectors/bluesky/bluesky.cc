#include "connectors/bluesky/bluesky.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "connectors/bluesky/cursor.h"
#include "connectors/bluesky/decode.h"
#include "connectors/bluesky/post.h"
#include "connectors/options.h"
#include "pipeline/net/address.h"
#include "pipeline/net/url.h"
#include "pipeline/net/websocket.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::array<std::string_view, 4> kPublicEndpoints = {
    "wss://jetstream1.us-east.bsky.network", "wss://jetstream2.us-east.bsky.network",
    "wss://jetstream1.us-west.bsky.network", "wss://jetstream2.us-west.bsky.network"};
constexpr std::string_view kPost = "app.bsky.feed.post";

constexpr std::size_t kMaxBatch = 500;
// After the first event of a batch, others are waited for this long: a busy stream then makes some
// fifty batches a second and not one for each post, and each batch is one durable write.
constexpr milliseconds kLinger{20};
// v1 orders its times only roughly, and clocks of instances differ.
constexpr std::chrono::seconds kRewind{5};
// The whole network is never silent for so long; a stream that goes on later than that after its
// cursor has lost something.
constexpr std::chrono::seconds kGapSlack{60};
// How far back a v1 server goes; it does not say when it was asked for more.
constexpr std::chrono::hours kLookBack{36};
// Longer lists do not fit into a request line.
constexpr std::size_t kMaxDids = 100;
constexpr std::size_t kMaxCollections = 100;

struct Settings {
  std::string name;
  JetstreamWire wire = JetstreamWire::V1;
  std::vector<Url> endpoints;
  std::vector<std::string> collections;
  std::vector<std::string> dids;
  milliseconds stall{};
  WebSocketOptions socket;
};

class BlueskySource final : public Connector {
 public:
  explicit BlueskySource(Settings settings)
      : settings_(std::move(settings)), decoder_(settings_.wire) {}

  Result<void> open(std::string_view cursor, std::stop_token stop) override;
  Result<Batch> next(milliseconds wait, std::stop_token stop) override;
  milliseconds stall_deadline() const override { return settings_.stall; }
  Steady::time_point last_heard() const override {
    return socket_ ? std::max(heard_, socket_->last_heard()) : heard_;
  }
  ConnectorNotes notes() const override { return notes_; }

 private:
  // By number goes on exactly, with the instance that gave it; by time on any other.
  enum class ResumeBy : std::uint8_t { Number, Time };

  const Url& endpoint() const { return settings_.endpoints[turn_ % settings_.endpoints.size()]; }
  Result<void> connect(ResumeBy by, const std::stop_token& stop);
  Result<void> refused(const HttpRefusal& refusal, ResumeBy by, const std::stop_token& stop);
  std::string request(ResumeBy by) const;
  Result<void> take(const Frame& frame, Batch& batch, const std::stop_token& stop);
  Result<void> informed(std::string_view info, const std::stop_token& stop);
  void check_gap(Time first);
  Error lost(Error error);

  Settings settings_;
  JetstreamDecoder decoder_;
  std::size_t turn_ = 0;  // which endpoint; moves on with every failure
  std::optional<WebSocket> socket_;
  std::optional<Error> pending_;  // a failure that came after events of the same batch
  JetstreamCursor cursor_;
  bool first_ = true;         // no event of this connection has been read yet
  bool gap_counted_ = false;  // of this resumption
  bool opened_ = false;
  Steady::time_point heard_ = Steady::now();
  ConnectorNotes notes_;
};

Result<void> BlueskySource::open(std::string_view cursor, std::stop_token stop) {
  socket_.reset();
  pending_.reset();
  gap_counted_ = false;
  cursor_ = {};
  if (!cursor.empty()) {
    auto parsed = parse_cursor(cursor);
    if (!parsed) {
      return fail(Code::Invalid, fmt::format("bluesky {}: cursor \"{}\" is none of Jetstream's",
                                             settings_.name, cursor.substr(0, 200)));
    }
    cursor_ = *std::move(parsed);
  }
  // A number of v2 means nothing to an older v1 server; the time beside it does.
  if (settings_.wire == JetstreamWire::V1) cursor_.seq.reset();
  const bool same = cursor_.seq && cursor_.authority == endpoint().authority();
  auto connected = connect(same ? ResumeBy::Number : ResumeBy::Time, stop);
  if (!connected) return std::unexpected(lost(std::move(connected.error())));
  if (std::exchange(opened_, true)) ++notes_.reconnects;
  heard_ = Steady::now();
  return {};
}

// What to ask for: path, filters and where to begin.
std::string BlueskySource::request(ResumeBy by) const {
  const bool v1 = settings_.wire == JetstreamWire::V1;
  std::string target = endpoint().target;
  for (const auto& name : settings_.collections) {
    append_query(target, v1 ? "wantedCollections" : "collections", name);
  }
  for (const auto& did : settings_.dids) append_query(target, v1 ? "wantedDids" : "dids", did);
  if (!v1) {
    append_query(target, "kinds", "commit");
    append_query(target, "kinds", "account");
  }
  if (by == ResumeBy::Number) {
    append_query(target, "cursor", fmt::format("{}", *cursor_.seq));
  } else if (cursor_.time) {
    const Time from = std::max(*cursor_.time - kRewind, Time{});
    append_query(target, "cursor", fmt::format("{}", from.time_since_epoch().count()));
  }
  return target;
}

Result<void> BlueskySource::connect(ResumeBy by, const std::stop_token& stop) {
  first_ = true;
  const std::string url =
      fmt::format("{}://{}{}", endpoint().scheme, endpoint().authority(), request(by));
  auto connected = WebSocket::connect(url, settings_.socket, stop);
  if (!connected) return std::unexpected(std::move(connected.error()));
  if (const auto* refusal = std::get_if<HttpRefusal>(&*connected)) {
    return refused(*refusal, by, stop);
  }
  socket_.emplace(std::get<WebSocket>(std::move(*connected)));
  return {};
}

Result<void> BlueskySource::refused(const HttpRefusal& refusal, ResumeBy by,
                                    const std::stop_token& stop) {
  const unsigned status = refusal.status;
  if (status == 400 && by == ResumeBy::Number &&
      refusal.body.find("CursorTooOld") != std::string::npos) {
    // Asked by time, the server begins at the oldest event that it has.
    ++notes_.gaps;
    gap_counted_ = true;
    return connect(ResumeBy::Time, stop);
  }
  Error error;
  error.code = status == 401 || status == 403   ? Code::Denied
               : status == 429                  ? Code::Throttled
               : status == 400 || status == 414 ? Code::Invalid
                                                : Code::Unavailable;
  std::string said = refusal.body.substr(0, 200);
  // An operator's line stays one, whatever a server answers.
  std::ranges::replace_if(said, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  error.message = fmt::format("{} answers {}: {}", endpoint().authority(), status, said);
  error.retry_after = refusal.retry_after;
  return std::unexpected(std::move(error));
}

Result<Batch> BlueskySource::next(milliseconds wait, std::stop_token stop) {
  if (pending_) {
    Error error = *std::move(pending_);
    pending_.reset();
    return std::unexpected(std::move(error));
  }
  if (!socket_) {
    return fail(Code::Unavailable, fmt::format("bluesky {}: not connected", settings_.name));
  }
  Batch batch;
  auto end = Steady::now() + wait;
  std::size_t frames = 0;
  while (frames < kMaxBatch) {
    const auto left = std::chrono::ceil<milliseconds>(end - Steady::now());
    auto frame = socket_->read(std::max(left, milliseconds{0}), stop);
    Result<void> taken;
    if (!frame) {
      taken = std::unexpected(std::move(frame.error()));
    } else if (!*frame) {
      break;
    } else {
      taken = take(**frame, batch, stop);
      if (++frames == 1) end = std::min(end, Steady::now() + kLinger);
    }
    if (taken) continue;
    // A request to stop leaves the connection as it is.
    const bool stopped = taken.error().code == Code::Closed;
    Error error = stopped ? taken.error() : lost(taken.error());
    if (frames == 0) return std::unexpected(std::move(error));
    if (!stopped) pending_ = std::move(error);
    break;
  }
  batch.cursor = cursor_.text();
  return batch;
}

Result<void> BlueskySource::take(const Frame& frame, Batch& batch, const std::stop_token& stop) {
  const std::string before = cursor_.text();
  if (!frame.complete()) {
    constexpr std::size_t kKeptBytes = std::size_t{64} * 1024;
    batch.items.emplace_back(
        Undecodable{fmt::format("jetstream: frame of {} bytes, at most {} taken", frame.size,
                                frame.data.size()),
                    before.empty() ? "before the first event" : "after " + before,
                    frame.data.substr(0, kKeptBytes)});
    return {};
  }
  JetstreamEvent event = decoder_.decode(frame.data, before);
  if (!event.error.empty()) {
    return fail(Code::Unavailable, fmt::format("{} ends the stream: {}", endpoint().authority(),
                                               event.error.substr(0, 200)));
  }
  if (!event.info.empty()) return informed(event.info, stop);
  if (first_ && event.time) check_gap(*event.time);
  cursor_.advance(event, endpoint().authority(), system_clock()());
  if (event.item) batch.items.push_back(*std::move(event.item));
  return {};
}

Result<void> BlueskySource::informed(std::string_view info, const std::stop_token& stop) {
  if (info == "OutdatedCursor" && !std::exchange(gap_counted_, true)) ++notes_.gaps;
  if (info != "FutureCursor" || !cursor_.seq) return {};
  // The instance counts anew and its numbers mean other events now; times still hold.
  cursor_.seq.reset();
  socket_.reset();
  if (!cursor_.time) {
    ++notes_.gaps;
    gap_counted_ = true;
  }
  return connect(ResumeBy::Time, stop);
}

// v2 tells of a gap itself; v1 silently begins later than asked.
void BlueskySource::check_gap(Time first) {
  first_ = false;
  if (settings_.wire != JetstreamWire::V1 || !cursor_.time || gap_counted_) return;
  if (first - *cursor_.time <= kGapSlack) return;
  const bool busy = settings_.dids.empty() &&
                    std::ranges::find(settings_.collections, kPost) != settings_.collections.end();
  if (busy || system_clock()() - *cursor_.time > kLookBack) {
    ++notes_.gaps;
    gap_counted_ = true;
  }
}

// Gives the connection up; the next `open` asks another instance.
Error BlueskySource::lost(Error error) {
  if (socket_) heard_ = std::max(heard_, socket_->last_heard());
  socket_.reset();
  if (error.code != Code::Closed) ++turn_;
  error.message = fmt::format("bluesky {}: {}", settings_.name, error.message);
  return error;
}

// NSIDs, or a prefix of one and `.*`.
bool is_collection(std::string_view text) {
  if (text.ends_with(".*")) text.remove_suffix(2);
  return !text.empty() && text.size() <= 317 && text.front() != '.' && text.back() != '.' &&
         text.find('.') != std::string_view::npos && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

Mark mark_of(const Options& options, std::string_view key) {
  const YamlNode* node = options.find(key);
  return node == nullptr ? Mark{} : node->mark;
}

void read_endpoints(Options& options, Settings& out) {
  const YamlNode* node = options.find("endpoint");
  std::vector<std::string> texts;
  if (node == nullptr) {
    texts.assign(kPublicEndpoints.begin(), kPublicEndpoints.end());
  } else if (node->type == YamlNode::Type::Scalar) {
    texts.push_back(options.text("endpoint", ""));
  } else {
    texts = options.texts("endpoint");
  }
  const Mark mark = node == nullptr ? Mark{} : node->mark;
  if (texts.empty()) options.refuse(mark, "endpoint: expected a URL or a list of URLs");
  const AddressPolicy policy(out.socket.allow_private);
  for (const std::string& text : texts) {
    auto url = parse_url(text);
    if (!url) return options.refuse(mark, "endpoint: " + url.error().message);
    if (url->scheme != "ws" && url->scheme != "wss") {
      return options.refuse(mark, fmt::format("endpoint: \"{}\": expected ws:// or wss://", text));
    }
    if (url->target.find('?') != std::string::npos) {
      return options.refuse(mark, "endpoint: the query is Vigie's to write");
    }
    if (is_ip_address(url->host) && !policy.allows(url->host, url->host)) {
      return options.refuse(
          mark,
          fmt::format("endpoint: {} is a private address; allow_private can name it", url->host));
    }
    if (url->target == "/") {
      url->target = out.wire == JetstreamWire::V1 ? "/subscribe"
                                                  : "/xrpc/network.bsky.jetstream.subscribeEvents";
    }
    out.endpoints.push_back(*std::move(url));
  }
}

void read_filters(Options& options, Settings& out) {
  out.collections = options.texts("collections");
  if (options.find("collections") == nullptr) out.collections.emplace_back(kPost);
  out.dids = options.texts("dids");
  const auto bad_name = std::ranges::find_if_not(out.collections, is_collection);
  if (bad_name != out.collections.end()) {
    options.refuse(
        mark_of(options, "collections"),
        fmt::format("collections: expected NSIDs such as {}, found \"{}\"", kPost, *bad_name));
  }
  const auto bad_did = std::ranges::find_if_not(out.dids, is_did);
  if (bad_did != out.dids.end()) {
    options.refuse(mark_of(options, "dids"),
                   fmt::format("dids: expected did:method:id, found \"{}\"", *bad_did));
  }
  if (out.collections.size() > kMaxCollections || out.collections.empty()) {
    options.refuse(mark_of(options, "collections"),
                   fmt::format("collections: expected 1 to {}", kMaxCollections));
  }
  if (out.dids.size() > kMaxDids) {
    options.refuse(mark_of(options, "dids"), fmt::format("dids: expected at most {}", kMaxDids));
  }
}

Result<std::unique_ptr<Connector>> make(const ConnectorSettings& settings) {
  Options options(settings, {"endpoint", "wire", "collections", "dids", "allow_private", "ca_file",
                             "ping", "timeout", "stall"});
  Settings out;
  out.name = settings.name;
  out.wire = options.choice("wire", {"v1", "v2"}) == "v2" ? JetstreamWire::V2 : JetstreamWire::V1;
  out.socket.allow_private = options.texts("allow_private");
  out.socket.ca_file = options.text("ca_file", "");
  out.socket.ping_every = options.duration("ping", out.socket.ping_every);
  out.socket.pong_timeout = out.socket.ping_every;
  out.socket.connect_timeout = options.duration("timeout", out.socket.connect_timeout);
  out.socket.handshake_timeout = out.socket.connect_timeout;
  out.stall = options.duration("stall", std::chrono::seconds{70});
  for (const std::string_view key : {"ping", "timeout"}) {
    if (options.duration(key, milliseconds{1}) == milliseconds{0}) {
      options.refuse(mark_of(options, key), fmt::format("{}: expected more than nothing", key));
    }
  }
  if (out.wire == JetstreamWire::V2) out.socket.subprotocol = "xrpc.v1.json";
  read_filters(options, out);
  read_endpoints(options, out);
  if (!options.ok()) return std::unexpected(options.error());
  return std::make_unique<BlueskySource>(std::move(out));
}

}  // namespace

const ConnectorKind kBlueskyKind{
    .kind = "bluesky",
    .summary = "posts, edits and deletions of all of Bluesky, from Jetstream",
    .whole_network = true,
    .make = make,
};

}  // namespace vigie
