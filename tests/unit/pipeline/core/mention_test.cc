#include "pipeline/core/mention.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

constexpr std::string_view kSmallest =
    R"({"network":"x","id":"1","kind":"post","created_at":"2026-06-01T10:00:00Z","author":{"id":"a"}})";

Mention read(std::string_view json) {
  MentionReader reader;
  auto mention = reader.read(json);
  EXPECT_TRUE(mention) << (mention ? "" : mention.error().message) << " in " << json;
  return mention ? std::move(*mention) : Mention{};
}

std::string refusal(std::string_view json) {
  MentionReader reader;
  const auto mention = reader.read(json);
  EXPECT_FALSE(mention) << json;
  return mention ? "" : mention.error().message;
}

// The smallest mention with one more field.
std::string with(std::string_view field) {
  std::string json(kSmallest);
  json.pop_back();
  return json.append(1, ',').append(field).append(1, '}');
}

Mention whole() {
  Mention mention = read(kSmallest);
  mention.op = Op::Update;
  mention.kind = Kind::Reply;
  mention.conversation_id = "c";
  mention.in_reply_to = "0";
  mention.in_reply_to_author = Person{"b", "bob"};
  mention.author = {"a", "ann", "Ann \"A\"", 12, true};
  mention.text = "line\nwith \x01, \\ and é 🎉";
  mention.lang = "fr-CA";
  mention.edited_at = parse_time("2026-06-01T11:00:00.5Z");
  mention.seen_at = parse_time("2026-06-01T11:00:01.000001Z");
  mention.version = -3;
  mention.url = "https://x.example/1";
  mention.links = {"https://a.example"};
  mention.hashtags = std::vector<std::string>{};
  mention.mentions = {{"9", "nine"}, {"", "ten"}};
  mention.media = {{"image", "https://i.example/1.png"}};
  mention.place = Place{"FR", "Lyon", 45.75, -4.5};
  mention.engagement = {0, 1, std::nullopt, std::int64_t{1} << 53, 4};
  mention.connector = "replay";
  mention.campaign = "summer-build";
  mention.ambassador = "ana";
  mention.conversion = Conversion{"purchase", 12.5, "EUR"};
  return mention;
}

TEST(Mention, ReadsBackWhatItWrites) {
  std::string json;
  append_json(json, whole());

  EXPECT_EQ(read(json), whole());
  EXPECT_EQ(json.find('\n'), std::string::npos);
}

TEST(Mention, TellsAnEmptyListFromNone) {
  EXPECT_FALSE(read(kSmallest).hashtags);
  EXPECT_FALSE(read(with(R"("hashtags":null)")).hashtags);
  EXPECT_TRUE(read(with(R"("hashtags":[])")).hashtags);
}

TEST(Mention, IsACreateUnlessItSaysOtherwise) {
  EXPECT_EQ(read(kSmallest).op, Op::Create);
  EXPECT_EQ(read(with(R"("op":null)")).op, Op::Create);
  EXPECT_EQ(read(with(R"("op":"update")")).op, Op::Update);
}

TEST(Mention, DropsUnknownFields) {
  EXPECT_EQ(read(with(R"("v":1,"mood":{"deep":[1,{"x":null}]})")), read(kSmallest));
}

TEST(Mention, NamesTheFieldThatIsMissing) {
  EXPECT_EQ(refusal("{}").substr(0, 8), "network:");
  EXPECT_EQ(refusal(R"({"network":"x"})"), "id: required");
  EXPECT_EQ(refusal(R"({"network":"x","id":"1"})"), "kind: required for create");
  EXPECT_EQ(refusal(R"({"network":"x","id":"1","kind":"post"})"),
            "created_at: required for create");
  EXPECT_EQ(refusal(R"({"network":"x","op":"hide_author"})"),
            "author.id: required for an author-wide op");
  EXPECT_EQ(refusal(R"({"op":"tick"})"), "seen_at: required for a tick");
}

TEST(Mention, WantsNoMoreThanAnIdForADeletion) {
  EXPECT_EQ(read(R"({"network":"x","id":"1","op":"delete"})").op, Op::Delete);
  EXPECT_EQ(read(R"({"network":"x","op":"erase_author","author":{"id":"a"}})").op, Op::EraseAuthor);
}

TEST(Mention, RefusesValuesOfAnotherType) {
  for (const char* field : {R"("text":1)",
                            R"("text":["a"])",
                            R"("links":"a")",
                            R"("links":[1])",
                            R"("links":[null])",
                            R"("mentions":[1])",
                            R"("mentions":{})",
                            R"("place":"FR")",
                            R"("engagement":[])",
                            R"("engagement":{"likes":"3"})",
                            R"("engagement":{"likes":1.5})",
                            R"("engagement":{"likes":-1})",
                            R"("engagement":{"likes":9007199254740993})",
                            R"("version":1.5)",
                            R"("version":99999999999999999999)",
                            R"("seen_at":1780308000)",
                            R"("seen_at":"yesterday")",
                            R"("conversion":{"value":"12"})",
                            R"("kind":"tweet")",
                            R"("op":"upsert")",
                            R"("op":1)",
                            R"("media":3)",
                            R"("in_reply_to_author":"bob")"}) {
    EXPECT_FALSE(refusal(with(field)).empty()) << field;
  }
}

TEST(Mention, RefusesALoneSurrogateAndKeepsAPair) {
  EXPECT_FALSE(refusal(with(R"("text":"\ud83c")")).empty());
  EXPECT_FALSE(refusal(with(R"("text":"\udf89 x")")).empty());
  EXPECT_EQ(read(with(R"("text":"\ud83c\udf89")")).text, "🎉");
}

TEST(Mention, RefusesBrokenUtf8) {
  EXPECT_EQ(refusal(with("\"text\":\"\xff\"")), "expected UTF-8");
  EXPECT_EQ(refusal(with("\"text\":\"\xed\xa0\x80\"")), "expected UTF-8");
}

TEST(Mention, BoundsIdsListsAndTheWholeText) {
  const auto id = [](std::size_t size) {
    return R"({"network":"x","op":"delete","id":")" + std::string(size, 'i') + "\"}";
  };
  EXPECT_EQ(read(id(512)).id.size(), 512U);
  EXPECT_NE(refusal(id(513)).find("512 bytes"), std::string::npos);

  std::string links = R"("links":["a")";
  for (int i = 0; i < 1000; ++i) links += R"(,"a")";
  EXPECT_NE(refusal(with(links + "]")).find("1000 items"), std::string::npos);

  EXPECT_NE(refusal(with("\"text\":\"" + std::string(kMaxMentionBytes, 'a') + "\"")).find("bytes"),
            std::string::npos);
}

TEST(Mention, RefusesWhatIsNotOneObject) {
  for (const char* json : {"", " ", "null", "[]", "1", "\"x\"", "{", "{}{}", "{\"a\":}", "[{}]"}) {
    EXPECT_FALSE(refusal(json).empty()) << json;
  }
  EXPECT_FALSE(refusal(std::string(100'000, '[')).empty());
}

TEST(MentionReader, GoesOnAfterARefusal) {
  MentionReader reader;
  EXPECT_FALSE(reader.read("{\"network\":"));
  EXPECT_TRUE(reader.read(kSmallest));
}

TEST(Mention, HasOneKeyWhateverItsOp) {
  Mention mention = whole();
  EXPECT_EQ(key_of(mention), "x/1");
  mention.op = Op::HideAuthor;
  EXPECT_EQ(key_of(mention), "x/@a");
  mention.op = Op::Tick;
  EXPECT_EQ(key_of(mention), "tick");
}

TEST(Mention, BelongsToItsConversationElseItsParentElseItself) {
  Mention mention = whole();
  EXPECT_EQ(conversation_key_of(mention), "x/c");
  mention.conversation_id.clear();
  EXPECT_EQ(conversation_key_of(mention), "x/0");
  mention.in_reply_to.clear();
  EXPECT_EQ(conversation_key_of(mention), "x/1");
}

TEST(Mention, OrdersEditsByVersionElseByEditTime) {
  Mention mention = whole();
  EXPECT_EQ(version_of(mention), -3);
  mention.version.reset();
  EXPECT_EQ(version_of(mention), mention.edited_at->time_since_epoch().count());
  mention.edited_at.reset();
  EXPECT_EQ(version_of(mention), 0);
}

TEST(ContentHash, LeavesOutWhatIsNoContent) {
  Mention mention = whole();
  const std::uint64_t hash = content_hash(mention);
  mention.op = Op::Create;
  mention.version = 9;
  mention.engagement = {};
  mention.seen_at.reset();
  mention.connector = "other";
  mention.author.name = "B";
  mention.author.followers = 1;
  mention.author.verified.reset();

  EXPECT_EQ(content_hash(mention), hash);
}

template <class Change>
void expect_other_hash(Change change, const char* what) {
  Mention mention = whole();
  const std::uint64_t hash = content_hash(mention);
  change(mention);
  EXPECT_NE(content_hash(mention), hash) << what;
}

TEST(ContentHash, ChangesWithEveryPieceOfContent) {
  expect_other_hash([](Mention& m) { m.text += "!"; }, "text");
  expect_other_hash([](Mention& m) { m.lang = "fr"; }, "lang");
  expect_other_hash([](Mention& m) { m.kind = Kind::Post; }, "kind");
  expect_other_hash([](Mention& m) { m.author.handle = "x"; }, "author.handle");
  expect_other_hash([](Mention& m) { m.in_reply_to_author.reset(); }, "in_reply_to_author");
  expect_other_hash([](Mention& m) { m.hashtags.reset(); }, "hashtags");
  expect_other_hash([](Mention& m) { m.links->push_back(""); }, "links");
  expect_other_hash([](Mention& m) { m.mentions->pop_back(); }, "mentions");
  expect_other_hash([](Mention& m) { m.media[0].type = "video"; }, "media");
  expect_other_hash([](Mention& m) { m.place->lat.reset(); }, "place");
  expect_other_hash([](Mention& m) { m.edited_at.reset(); }, "edited_at");
  expect_other_hash([](Mention& m) { m.campaign.clear(); }, "campaign");
  expect_other_hash([](Mention& m) { m.conversion->value = 12; }, "conversion");
}

TEST(ContentHash, DoesNotMixNeighbouringFieldsUp) {
  Mention a;
  a.text = "ab";
  a.lang = "c";
  Mention b;
  b.text = "a";
  b.lang = "bc";
  EXPECT_NE(content_hash(a), content_hash(b));
}

TEST(Names, ReadBackAsThemselves) {
  for (int i = 0; i <= static_cast<int>(Op::Tick); ++i) {
    EXPECT_EQ(parse_op(name(static_cast<Op>(i))), static_cast<Op>(i));
  }
  for (int i = 0; i <= static_cast<int>(Kind::Conversion); ++i) {
    EXPECT_EQ(parse_kind(name(static_cast<Kind>(i))), static_cast<Kind>(i));
  }
  EXPECT_FALSE(parse_op("Create"));
  EXPECT_FALSE(parse_kind(""));
}

TEST(MentionReader, RefusesAnotherFormatVersionAndTimesThatNoBucketCanHold) {
  const auto read = [](std::string_view member) {
    std::string json = R"({"network":"x","id":"1","kind":"post","author":{"id":"a"},)";
    json.append(R"("created_at":"2026-06-03T06:00:00Z",)").append(member).append("}");
    const auto mention = MentionReader().read(json);
    return mention ? std::string("good") : mention.error().message;
  };

  EXPECT_EQ(read(R"("v":1)"), "good");
  EXPECT_NE(read(R"("v":2)").find("v: expected format version 1"), std::string::npos);
  EXPECT_EQ(read(R"("edited_at":"5999-12-31T23:59:59Z")"), "good");
  EXPECT_NE(read(R"("edited_at":"6000-01-01T00:00:00Z")").find("edited_at"), std::string::npos);
}

}  // namespace
}  // namespace vigie
