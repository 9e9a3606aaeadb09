#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "connectors/bluesky/cursor.h"
#include "connectors/bluesky/decode.h"
#include "tests/fakes/jetstream_events.h"
#include "tests/samples.h"

namespace vigie {
namespace {

using namespace std::chrono_literals;

JetstreamEvent decode(std::string_view frame, JetstreamWire wire = JetstreamWire::V1) {
  JetstreamDecoder decoder(wire);
  return decoder.decode(frame, "");
}

Mention mention_of(const JetstreamEvent& event) {
  if (!event.item) throw std::runtime_error("no item");
  if (const auto* bad = std::get_if<Undecodable>(&*event.item))
    throw std::runtime_error(bad->reason);
  return std::get<Mention>(*event.item);
}

Mention created(std::string_view rest) {
  return mention_of(decode(v1("commit", change("create", post(rest)))));
}

TEST(JetstreamDecoder, MakesAMentionOfACreatedPost) {
  const Mention made = created(R"("text":"hello","langs":["en","fr"])");

  EXPECT_EQ(made.network, "bluesky");
  EXPECT_EQ(made.id, "at://did:plc:ana/app.bsky.feed.post/k1");
  EXPECT_EQ(made.op, Op::Create);
  EXPECT_EQ(made.kind, Kind::Post);
  EXPECT_EQ(made.author.id, "did:plc:ana");
  EXPECT_EQ(made.text, "hello");
  EXPECT_EQ(made.lang, "en");
  EXPECT_EQ(made.url, "https://bsky.app/profile/did:plc:ana/post/k1");
  EXPECT_EQ(made.created_at, parse_time("2026-05-28T20:00:00Z"));
  EXPECT_EQ(made.version, parse_tid(kRev));
  EXPECT_FALSE(made.links);
  EXPECT_FALSE(made.mentions);
}

TEST(JetstreamDecoder, PutsAReplyIntoItsThread) {
  const Mention made = created(
      R"("text":"@ana.example yes","reply":{"root":{"uri":"at://did:plc:root/app.bsky.feed.post/r"},
      "parent":{"uri":"at://did:plc:parent/app.bsky.feed.post/p"}})");

  EXPECT_EQ(made.kind, Kind::Reply);
  EXPECT_EQ(made.conversation_id, "at://did:plc:root/app.bsky.feed.post/r");
  EXPECT_EQ(made.in_reply_to, "at://did:plc:parent/app.bsky.feed.post/p");
  ASSERT_TRUE(made.in_reply_to_author);
  EXPECT_EQ(made.in_reply_to_author->id, "did:plc:parent");
}

TEST(JetstreamDecoder, ReadsFacetsByTheirBytes) {
  const Mention made = created(
      R"("text":"\u00e9 @acme.example see acme.example/x...","tags":["Build","extra"],"facets":[
      {"index":{"byteStart":3,"byteEnd":16},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:acme"}]},
      {"index":{"byteStart":0,"byteEnd":900},"features":[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:far"}]},
      {"index":{"byteStart":21,"byteEnd":38},"features":[{"$type":"app.bsky.richtext.facet#link","uri":"https://acme.example/xyz"},
      {"$type":"app.bsky.richtext.facet#tag","tag":"Build"},{"$type":"unknown"}, 7]}, 8])");

  EXPECT_EQ(made.kind, Kind::Mention);
  EXPECT_EQ(made.mentions,
            (std::vector<Person>{{"did:plc:acme", "acme.example"}, {"did:plc:far", ""}}));
  EXPECT_EQ(made.links, (std::vector<std::string>{"https://acme.example/xyz"}));
  EXPECT_EQ(made.hashtags, (std::vector<std::string>{"Build", "extra"}));
}

TEST(JetstreamDecoder, CallsAPostWithAHandleAMention) {
  EXPECT_EQ(created(R"("text":"thanks @acme.example!")").kind, Kind::Mention);
  EXPECT_EQ(created(R"("text":"mail me@acme.example")").kind, Kind::Post);
  EXPECT_EQ(created(R"("text":"10 pieces @ 5.00")").kind, Kind::Post);
  EXPECT_EQ(created(R"("text":"@acme @")").kind, Kind::Post);
}

TEST(JetstreamDecoder, TurnsEmbedsIntoMediaAndLinks) {
  const Mention images = created(
      R"("text":"","embed":{"$type":"app.bsky.embed.images","images":[{"alt":"","image":{"ref":{"$link":"bafy1"}}},{"image":3}]})");
  const Mention quote = created(
      R"("text":"","embed":{"$type":"app.bsky.embed.recordWithMedia","record":{"$type":"app.bsky.embed.record",
      "record":{"uri":"at://did:plc:bo/app.bsky.feed.post/q"}},"media":{"$type":"app.bsky.embed.external","external":{"uri":"https://a.example/"}}})");
  const Mention video = created(
      R"("text":"","embed":{"$type":"app.bsky.embed.video","video":{"ref":{"$link":"bafy2"}}})");

  ASSERT_EQ(images.media.size(), 1U);
  EXPECT_EQ(images.media[0].type, "image");
  EXPECT_EQ(images.media[0].url,
            "https://cdn.bsky.app/img/feed_fullsize/plain/did:plc:ana/bafy1@jpeg");
  EXPECT_EQ(quote.links, (std::vector<std::string>{"https://bsky.app/profile/did:plc:bo/post/q",
                                                   "https://a.example/"}));
  ASSERT_EQ(video.media.size(), 1U);
  EXPECT_EQ(video.media[0].type, "video");
}

TEST(JetstreamDecoder, FallsBackOnTheEventTime) {
  const auto event =
      decode(v1("commit", change("create", R"({"text":"x","createdAt":"yesterday"})")));

  EXPECT_EQ(mention_of(event).created_at, Time{std::chrono::microseconds{kStart}});
}

TEST(JetstreamDecoder, OrdersEditsByRevision) {
  const Mention edit =
      mention_of(decode(v1("commit", change("update", post(R"("text":"new")"), "k1",
                                            tid(1'790'000'000'000'000 << 10)))));

  EXPECT_EQ(edit.op, Op::Update);
  EXPECT_EQ(edit.version, std::int64_t{1'790'000'000'000'000} << 10);
  EXPECT_EQ(edit.edited_at, Time{std::chrono::microseconds{1'790'000'000'000'000}});
}

TEST(JetstreamDecoder, PassesDeletionsOn) {
  const Mention gone = mention_of(decode(v1("commit", change("delete", ""))));

  EXPECT_EQ(gone.op, Op::Delete);
  EXPECT_EQ(gone.id, "at://did:plc:ana/app.bsky.feed.post/k1");
  EXPECT_EQ(gone.author.id, "did:plc:ana");
}

TEST(JetstreamDecoder, TurnsAccountStatesIntoAuthorWideOps) {
  const auto op_of = [](std::string_view body) {
    const Mention mention = mention_of(decode(v1("account", body)));
    EXPECT_EQ(mention.author.id, "did:plc:ana");
    EXPECT_TRUE(mention.id.empty());
    return mention.op;
  };

  EXPECT_EQ(op_of(R"({"active":false,"status":"deleted"})"), Op::EraseAuthor);
  EXPECT_EQ(op_of(R"({"active":false,"status":"takendown"})"), Op::HideAuthor);
  EXPECT_EQ(op_of(R"({"active":false,"status":"suspended"})"), Op::HideAuthor);
  EXPECT_EQ(op_of(R"({"active":false,"status":"deactivated"})"), Op::HideAuthor);
  EXPECT_EQ(op_of(R"({"active":false})"), Op::HideAuthor);
  EXPECT_EQ(op_of(R"({"active":true})"), Op::UnhideAuthor);
}

TEST(JetstreamDecoder, PassesOverWhatIsNotAPost) {
  const auto like = decode(v1(
      "commit",
      R"({"rev":"x","operation":"create","collection":"app.bsky.feed.like","rkey":"k","record":{}})"));
  const auto identity = decode(v1("identity", R"({"did":"did:plc:ana"})"));

  EXPECT_FALSE(like.item);
  EXPECT_EQ(like.time, Time{std::chrono::microseconds{kStart}});
  EXPECT_FALSE(identity.item);
  EXPECT_TRUE(identity.time);
}

TEST(JetstreamDecoder, KeepsUnreadableFramesWithReasonAndPosition) {
  JetstreamDecoder decoder(JetstreamWire::V1);
  const auto bad = [&](const std::string& frame) {
    const auto event = decoder.decode(frame, "1780000000000000");
    const auto* item = event.item ? std::get_if<Undecodable>(&*event.item) : nullptr;
    EXPECT_NE(item, nullptr) << frame;
    if (item == nullptr) return std::string{};
    EXPECT_EQ(item->bytes, frame);
    EXPECT_FALSE(item->reason.empty());
    return item->position;
  };

  EXPECT_EQ(bad("not json"), "after 1780000000000000");
  EXPECT_EQ(bad(""), "after 1780000000000000");
  EXPECT_EQ(bad("[]"), "after 1780000000000000");
  EXPECT_EQ(bad(R"({"did":"did:plc:ana","time_us":12,"kind":"commit"})"), "after 1780000000000000");
  // A lone surrogate breaks the whole frame: nothing of it can be read, not even its time.
  EXPECT_EQ(bad(v1("commit", change("create", R"({"text":"\ud800\u0041"})"))),
            "after 1780000000000000");
  const std::string here = fmt::format("time_us {}", kStart);
  EXPECT_EQ(bad(v1("commit", "3")), here);
  EXPECT_EQ(bad(v1("commit", change("create", ""))), here);
  EXPECT_EQ(bad(v1("commit", change("move", "{}"))), here);
  EXPECT_EQ(bad(v1("commit", change("create", R"({"text":5})"))), here);
  EXPECT_EQ(bad(v1("commit", change("create", R"({"text":"x","reply":{}})"))), here);
  EXPECT_EQ(bad(v1("commit", change("create", R"({"text":"x"})", "a/b"))), here);
  EXPECT_EQ(bad(v1("commit", change("delete", ""), kStart, "ana")), here);
  EXPECT_EQ(bad(v1("account", "{}")), here);
}

TEST(JetstreamDecoder, ReadsTheSecondWire) {
  const auto event = decode(
      R"({"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#commit","seq":42,
      "did":"did:plc:ana","time":"2026-05-28T20:26:40.000007Z","rev":"3mptbypluud2a","operation":"create",
      "collection":"app.bsky.feed.post","rkey":"k1","record":{"text":"hi","createdAt":"2026-05-28T20:00:00Z"}}})",
      JetstreamWire::V2);
  const auto info = decode(
      R"({"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#info","name":"OutdatedCursor"}})",
      JetstreamWire::V2);
  const auto error = decode(R"({"$type":"error","error":"ConsumerTooSlow"})", JetstreamWire::V2);

  EXPECT_EQ(mention_of(event).text, "hi");
  EXPECT_EQ(event.seq, 42);
  EXPECT_EQ(event.time, parse_time("2026-05-28T20:26:40.000007Z"));
  EXPECT_EQ(info.info, "OutdatedCursor");
  EXPECT_FALSE(info.item);
  EXPECT_EQ(error.error, "ConsumerTooSlow");
}

TEST(JetstreamCursor, ReadsBackWhatItWrites) {
  JetstreamCursor cursor;
  cursor.advance({.seq = 7, .time = Time{std::chrono::microseconds{kStart}}}, "[::1]:9000",
                 Time{std::chrono::microseconds{kStart}});
  const auto back = parse_cursor(cursor.text());

  ASSERT_TRUE(back);
  EXPECT_EQ(back->seq, 7);
  EXPECT_EQ(back->time, cursor.time);
  EXPECT_EQ(back->authority, "[::1]:9000");
  EXPECT_EQ(parse_cursor("1780000000000000")->text(), "1780000000000000");
  for (const char* bad : {"", "x", "-1", "1@2", "1@2@", "@2@h", "1@x@h", "1 "}) {
    EXPECT_FALSE(parse_cursor(bad)) << bad;
  }
}

TEST(JetstreamCursor, NeverGoesBackInTime) {
  JetstreamCursor cursor;
  cursor.advance({.time = Time{20us}}, "", Time{30us});
  cursor.advance({.time = Time{10us}}, "", Time{30us});

  EXPECT_EQ(cursor.text(), "20");
}

TEST(JetstreamCursor, IsNotSpoiltByATimeFarAhead) {
  JetstreamCursor cursor;
  cursor.advance({.time = Time{20us}}, "", Time{30us});
  cursor.advance({.time = Time{20us} + std::chrono::hours{24 * 365}}, "", Time{30us});

  EXPECT_EQ(cursor.text(), "20");
}

// The captured window against counts that a few lines of Python make of the same file, by
// operation, collection, facet and embed.
TEST(JetstreamDecoder, ReadsTheCapturedWindow) {
  const std::filesystem::path path = sample("wire/bluesky/jetstream-v1-window.jsonl");
  VIGIE_SKIP_WITHOUT(path);
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  JetstreamDecoder decoder(JetstreamWire::V1);
  std::map<std::string, int> counts;

  for (std::string line; std::getline(file, line);) {
    const auto event = decoder.decode(line, "");
    ++counts["frames"];
    if (!event.item) continue;
    const Mention mention = mention_of(event);
    std::string json;
    append_json(json, mention);
    EXPECT_TRUE(MentionReader().read(json)) << "not canonical: " << mention.id;
    ++counts[std::string(name(mention.op))];
    if (mention.kind == Kind::Reply) ++counts["replies"];
    if (mention.hashtags) counts["hashtags"] += static_cast<int>(mention.hashtags->size());
    counts["media"] += static_cast<int>(mention.media.size());
  }

  EXPECT_EQ(counts["frames"], 152);
  EXPECT_EQ(counts["create"], 17);
  EXPECT_EQ(counts["delete"], 1);
  EXPECT_EQ(counts["unhide_author"], 1);
  EXPECT_EQ(counts["replies"], 8);
  EXPECT_EQ(counts["hashtags"], 4);
  EXPECT_EQ(counts["media"], 2);
}

}  // namespace
}  // namespace vigie
