#include <limits>

#include "pipeline/core/bytes.h"
#include "state/conversation.h"
#include "tests/unit/state/queues_fixture.h"

namespace vigie {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using Type = ConversationRecord::Type;

constexpr hours kDay{24};

// A conversation in which everything happened that an item remembers.
void live_through(QueuesWorld& world) {
  world.hours.week = {{9 * 60, 18 * 60}, {6 * 1440, 7 * 1440}};
  world.hours.zones = {{kItemStart, minutes{120}}};
  world.tell({.key = "x/1", .at = minutes{0}, .priority = "high", .sla = 3600, .resolve = 7200});
  world.tell({.type = Type::Claim, .at = minutes{5}});
  world.tell({.key = "x/2", .at = minutes{6}, .inbound = false, .who = "brand"});
  world.tell({.key = "x/3", .at = minutes{9}, .queue = "social", .priority = "urgent"});
  world.tell({.type = Type::Handoff, .at = minutes{10}, .queue = "social", .note = "yours"});
  world.tell({.type = Type::Resolve, .at = minutes{20}, .who = "bob"});
  world.tell({.key = "x/4", .at = kDay * 20, .sla = 600});
  world.fire(kDay * 22);
  world.tell({.type = Type::Claim, .at = kDay * 26, .who = "bob", .lease = hours{24}});
}

void go_on(QueuesWorld& world) {
  world.tell({.type = Type::Claim, .at = kDay * 27 + hours{2}, .who = "eve", .lease = kDay});
  world.tell({.key = "x/5", .at = kDay * 27 + hours{3}, .sla = 600});
  world.tell({.key = "x/3", .at = minutes{9}, .seen = kDay * 28, .queue = "social"});
  world.tell({.type = Type::Withdraw, .key = "x/2", .at = kDay * 28});
}

TEST(ItemSnapshots, FoldFromTheSnapshotEqualsTheFoldFromTheBeginning) {
  QueuesWorld whole;
  live_through(whole);
  EXPECT_EQ(whole.fire(kDay * 27 - minutes{1}), std::vector<std::string>{});
  const auto at = static_cast<Offset>(whole.log().size());
  EXPECT_EQ(whole.fire(kDay * 27), (std::vector<std::string>{"snapshot", "lease"}));

  QueuesWorld later;
  later.begin_at(at);
  for (std::size_t i = static_cast<std::size_t>(at); i < whole.log().size(); ++i) {
    later.fold(QueuesWorld::Logged(whole.log()[i]));
  }
  EXPECT_EQ(later.stored(), whole.stored());
  later.hours = whole.hours;
  go_on(whole);
  go_on(later);

  EXPECT_EQ(later.stored(), whole.stored());
  EXPECT_EQ(later.item().notes, whole.item().notes);
  EXPECT_EQ(later.item().clocks, whole.item().clocks);
  EXPECT_EQ(whole.item().claimed_by, "eve");
}

TEST(ItemSnapshots, FoldThatKnowsAPartOfAnItemLearnsTheRest) {
  QueuesWorld whole;
  live_through(whole);
  const Offset at = 4;  // of the handoff
  whole.fire(kDay * 27);

  QueuesWorld later;
  later.begin_at(at);
  for (std::size_t i = static_cast<std::size_t>(at); i < whole.log().size(); ++i) {
    later.fold(QueuesWorld::Logged(whole.log()[i]));
  }

  EXPECT_EQ(later.stored(), whole.stored());
}

TEST(ItemSnapshots, AreWrittenOnceAndAgainWhenTheyGrowOld) {
  QueuesWorld world;
  live_through(world);
  world.fire(kDay * 27);
  EXPECT_EQ(world.fire(kDay * 27), std::vector<std::string>{});
  world.tell({.type = Type::Note, .at = kDay * 50, .note = "still open"});
  EXPECT_EQ(world.fire(kDay * 54).at(0), "snapshot");
}

TEST(ItemSnapshots, OneThatWasOvertakenIsVoidAndWrittenAnew) {
  QueuesWorld world;
  live_through(world);
  const auto all = [](std::string_view) { return true; };
  const ConversationRecord snapshot = world->due(kItemStart + kDay * 27, 1, all).at(0);
  ASSERT_EQ(snapshot.type, Type::Snapshot);
  world.tell({.type = Type::Note, .at = kDay * 27, .note = "quicker"});

  EXPECT_FALSE(world.tell(snapshot).changed);
  EXPECT_EQ(world.item().notes.back().text, "quicker");
  EXPECT_EQ(world.fire(kDay * 27).at(0), "snapshot");
  EXPECT_EQ(world.item().notes.back().text, "quicker");
}

TEST(ItemSnapshots, LargestItemFitsIntoARecord) {
  QueuesWorld world;
  const std::string filler(500, 'k');
  for (int i = 0; i < 1000; ++i) {
    world.tell({.key = "x/" + std::to_string(i) + filler, .at = minutes{i}, .who = filler});
  }
  for (int i = 0; i < 25; ++i) {
    world.tell({.type = Type::Note, .at = minutes{1000}, .note = std::string(kMaxNoteBytes, 'n')});
  }
  world.fire(kDay * 28);
  EXPECT_LT(world.log().back().value.size(), std::size_t{950} << 10);
  EXPECT_EQ(world.item().omitted + world.item().messages.size(), 1000U);
  EXPECT_GT(world.item().omitted, 0U);
}

// What version 1 wrote: touched, omitted, is_item, messages; and one clock for all partitions.
std::string first_version_item() {
  std::string out(1, '\x01');
  put_signed(out, (kItemStart + hours{5}).time_since_epoch().count());
  put_varint(out, 0);
  put_varint(out, 0);
  out += '\1';
  put_varint(out, 1);
  put_text(out, "x/1");
  put_signed(out, kItemStart.time_since_epoch().count());
  out += '\1';
  for (const char* text : {"social", "to-brand"}) put_text(out, text);
  put_varint(out, 3);
  put_varint(out, 3600);
  put_text(out, "fan");
  return out;
}

TEST(ItemSnapshots, ItemsOfTheFirstVersionAreReadAndGoOn) {
  QueuesWorld world;
  std::string clock(1, '\x01');
  put_signed(clock, (kItemStart + hours{6}).time_since_epoch().count());
  StoreBatch batch;
  batch.put(Space::Queues, "\x01", clock);
  batch.put(Space::Queues, "\x01x/1", first_version_item());
  ASSERT_TRUE(world.store().write(batch, Durability::Buffered));
  world.reopen();

  EXPECT_EQ(world.item().queue, "social");
  EXPECT_EQ(world.item().priority, "high");
  EXPECT_EQ(world.item().due_at, kItemStart + hours{1});
  EXPECT_EQ(world->stream_time(Partition{3}), kItemStart + hours{6});

  EXPECT_EQ(world.fire(hours{6}).at(0), "snapshot");
  world.tell({.type = Type::Claim, .at = hours{7}});
  world.reopen();
  EXPECT_EQ(world.item().claimed_by, "ana");
  EXPECT_EQ(world.fire(hours{7}), std::vector<std::string>{});
}

TEST(ItemSnapshots, ItemsOfTheFirstVersionExpireWithWhateverComes) {
  QueuesWorld world;
  StoreBatch batch;
  batch.put(Space::Queues, "\x01x/1", first_version_item());
  ASSERT_TRUE(world.store().write(batch, Durability::Buffered));
  world.reopen();
  world.tell({.conversation = "x/9", .key = "x/9", .at = kDay * 36});
  EXPECT_FALSE(world->item("x/1"));
}

TEST(ItemSnapshots, DamagedItemIsSaidAtTheStart) {
  QueuesWorld world;
  live_through(world);
  const std::string bytes = world.stored()[1].second;
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{9}, bytes.size() - 1}) {
    StoreBatch batch;
    batch.put(Space::Queues, "\x01x/1", bytes.substr(0, cut));
    ASSERT_TRUE(world.store().write(batch, Durability::Buffered));
    const auto opened = Queues::open(world.store());
    ASSERT_FALSE(opened) << cut;
    EXPECT_EQ(opened.error().code, Code::Corrupt);
  }
}

// A stored form of version 1: a reply that nobody owes anything.
std::string first_version(std::int64_t updated_at, std::uint64_t sla_seconds) {
  std::string stored(1, '\1');
  put_signed(stored, updated_at);
  stored.append(3, '\0');  // none omitted, none of them inbound, no item
  put_varint(stored, 1);
  put_text(stored, "x/1");
  put_signed(stored, 0);
  stored.append(4, '\0');  // outbound, no queue, no route, no priority
  put_varint(stored, sla_seconds);
  put_text(stored, "ana");
  return stored;
}

TEST(ItemSnapshots, TimesAndLengthsThatCannotBeAreDamage) {
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kYear9999 = 253'402'300'800'000'000;
  Conversation item;
  EXPECT_TRUE(decode("x/1", first_version(kYear9999, 0), item));
  EXPECT_TRUE(decode("x/1", first_version(-kYear9999, kMaxSlaSeconds), item));
  EXPECT_FALSE(decode("x/1", first_version(kEnd, 0), item));
  EXPECT_FALSE(decode("x/1", first_version(-kEnd, 0), item));
  EXPECT_FALSE(decode("x/1", first_version(0, kMaxSlaSeconds + 1), item));
}

// The stored form that the last snapshot of the world tells.
std::string snapshot_of(QueuesWorld& world, std::chrono::seconds at) {
  std::string item;
  const std::size_t before = world.log().size();
  world.fire(at);
  for (std::size_t i = before; i < world.log().size(); ++i) {
    const auto record = parse_conversation_record(world.log()[i].key, world.log()[i].value);
    if (record && record->type == Type::Snapshot) item = record->item;
  }
  return item;
}

TEST(ItemSnapshots, LoseWhatAnErasedAuthorWroteAndKeepTheRest) {
  QueuesWorld world;
  world.tell({.key = "x/1", .at = minutes{0}, .who = "stays"});
  world.tell({.key = "x/gone", .at = minutes{5}, .priority = "urgent", .who = "leaves"});
  world.tell({.type = Type::Claim, .at = minutes{6}, .note = "mine"});
  const std::string item = snapshot_of(world, kDay * 27);
  ASSERT_NE(item.find("x/gone"), std::string::npos);
  ASSERT_NE(item.find("leaves"), std::string::npos);

  const auto without = item_without("x/1", item, {"x/gone", "x/unknown"});

  ASSERT_TRUE(without);
  EXPECT_EQ(without->find("x/gone"), std::string::npos);
  EXPECT_EQ(without->find("leaves"), std::string::npos);
  ConversationRecord record;
  record.type = Type::Snapshot;
  record.conversation = "x/1";
  record.seen_at = kItemStart + kDay * 27;
  record.after = 3;
  record.item = *without;
  QueuesWorld later;
  later.begin_at(4);
  later.tell(record);
  ASSERT_EQ(later.item().messages.size(), 1U);
  EXPECT_EQ(later.item().messages[0].author_handle, "stays");
  EXPECT_EQ(later.item().priority, "normal");
  EXPECT_EQ(later.item().notes, world.item().notes);
}

TEST(ItemSnapshots, OfNothingButAnErasedAuthorAreEmpty) {
  QueuesWorld world;
  world.tell({.key = "x/1", .at = minutes{0}});
  const std::string item = snapshot_of(world, kDay * 27);
  ASSERT_FALSE(item.empty());

  EXPECT_EQ(item_without("x/1", item, {"x/1"}), "");
  EXPECT_FALSE(item_without("x/1", item, {"x/2"}));
  EXPECT_FALSE(item_without("x/1", "damaged", {"x/1"}));
}

}  // namespace
}  // namespace vigie
