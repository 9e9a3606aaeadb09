#include "pipeline/run/erasure_book.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/fakes/apply_world.h"
#include "tests/unit/pipeline/run/apply_ops.h"

namespace vigie {
namespace {

using std::chrono::hours;

class ErasureBookTest : public ::testing::Test {
 protected:
  ErasureBookTest() {
    std::string name = (std::filesystem::temp_directory_path() / "vigie-book-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    file_ = directory_ / "erasures.ndjson";
  }
  ~ErasureBookTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<ErasureBook> open() const {
    auto book = ErasureBook::open(file_);
    if (!book) ADD_FAILURE() << book.error().message;
    return book ? std::move(*book) : nullptr;
  }
  std::string text() const {
    std::ifstream stream(file_, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  }
  void append(std::string_view bytes) const {
    std::ofstream(file_, std::ios::binary | std::ios::app) << bytes;
  }

  std::filesystem::path directory_;
  std::filesystem::path file_;
  const Erased one_{KeyedHash{1}, kNow};
  const Erased two_{KeyedHash{2}, kNow + hours{1}};
};

TEST_F(ErasureBookTest, KeepsTheLatestOfEachAuthorOverStarts) {
  const Erased later{one_.author, kNow + hours{2}};
  (void)open()->add(std::array{one_, two_});
  const auto size = text().size();
  (void)open()->add(std::array{one_});
  EXPECT_EQ(text().size(), size);

  (void)open()->add(std::array{later});

  EXPECT_EQ(open()->all(), (std::vector<Erased>{later, two_}));
}

TEST_F(ErasureBookTest, ALineThatACrashCutIsNone) {
  (void)open()->add(std::array{one_});
  append(R"({"erased":"02)");

  (void)open()->add(std::array{two_});

  EXPECT_EQ(open()->all(), (std::vector<Erased>{one_, two_}));
}

TEST_F(ErasureBookTest, ADamagedLineIsToldWithItsNumber) {
  (void)open()->add(std::array{one_});
  append("{\"erased\":\"zz\",\"asked_at\":\"2026-11-20T12:00:00Z\"}\n");

  const auto book = ErasureBook::open(file_);

  ASSERT_FALSE(book);
  EXPECT_EQ(book.error().code, Code::Corrupt);
  EXPECT_NE(book.error().message.find("erasures.ndjson:2: damaged"), std::string::npos);
}

TEST_F(ErasureBookTest, MergesBooks) {
  const Erased earlier{two_.author, kNow};

  EXPECT_EQ(merged({one_, two_}, {earlier, one_}), (std::vector<Erased>{one_, two_}));
  EXPECT_TRUE(read_erasures(file_)->empty());
}

TEST(Apply, ErasesAgainWhatAStoreFromBeforeDoesNotKnow) {
  ApplyWorld world;
  world.give({by(acme_mention("1", "acme is late", kNow), "fan"),
              by(acme_mention("2", "acme is late", kNow), "other")});
  const KeyedHash fan = erased(world.keys().of("x", "fan"));
  const KeyedHash unknown = erased(world.keys().of("x", "nobody"));

  const auto missing = world.erase_again({{fan, kNow + hours{1}}, {unknown, kNow + hours{1}}});
  const auto again = world.erase_again({{fan, kNow + hours{1}}, {unknown, kNow + hours{1}}});

  EXPECT_EQ(missing, 2U);
  EXPECT_EQ(again, 0U);
  EXPECT_EQ(world.everything(), 1);
  EXPECT_EQ(world.tagged("x/1"), "");
  // What they wrote before comes late, from another source.
  world.give(by(acme_mention("3", "acme is late", kNow), "nobody"));
  EXPECT_EQ(world.everything(), 1);
  world.give(by(acme_mention("4", "acme is late", kNow + hours{2}), "nobody"));
  EXPECT_EQ(world.everything(), 2);
}

}  // namespace
}  // namespace vigie
