#include "state/count_dump.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "state/authors.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

TEST(CountDump, TellsAuthorsAndCountersInOneOrder) {
  ScratchStore store;
  CounterBatch counters(*store, Partition{0});
  Authors authors(*store);
  StoreBatch batch;
  Measures one{};
  one[static_cast<std::size_t>(Measure::Mentions)] = 1;
  one[static_cast<std::size_t>(Measure::Clicks)] = 2;
  for (const Series& series : {Series{Dimension::All, "all"}, Series{Dimension::Theme, "b"},
                               Series{Dimension::Theme, "a"}, Series{Dimension::Brand, "z"}}) {
    counters.add(series, 60, one, {});
    if (counts_authors(series.dimension)) {
      authors.count(Partition{0}, series, 1, AuthorKey{1}, 1);
      authors.count(Partition{1}, series, 1, AuthorKey{2}, 1);
      authors.count(Partition{1}, series, 2, AuthorKey{3}, 1);
    }
  }
  ASSERT_TRUE(counters.flush(batch));
  ASSERT_TRUE(authors.flush_sets(batch));
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  std::string lines;
  ASSERT_TRUE(dump_counts(CounterReader(*store, 2), AuthorSetReader(*store, 2), {},
                          [&](const CountLine& line) {
                            lines += fmt::format("{} {} {} {} {}\n", name(line.dimension), line.id,
                                                 line.measure, line.hour, line.value);
                          }));

  EXPECT_EQ(lines,
            "all all clicks 1 2\nall all mentions 1 1\n"
            "brand z authors 1 2\nbrand z authors 2 1\nbrand z clicks 1 2\nbrand z mentions 1 1\n"
            "theme a authors 1 2\ntheme a authors 2 1\ntheme a clicks 1 2\ntheme a mentions 1 1\n"
            "theme b authors 1 2\ntheme b authors 2 1\ntheme b clicks 1 2\ntheme b mentions 1 1\n");
}

TEST(CountDump, LeavesOutHoursThatArePastTheirKeeping) {
  ScratchStore store;
  Authors authors(*store);
  StoreBatch batch;
  authors.count(Partition{0}, {Dimension::Theme, "a"}, 1, AuthorKey{1}, 1);
  authors.count(Partition{0}, {Dimension::Theme, "a"}, 2000, AuthorKey{1}, 1);
  ASSERT_TRUE(authors.flush_sets(batch));
  ASSERT_TRUE(store->write(batch, Durability::Buffered));

  std::vector<Hour> hours;
  ASSERT_TRUE(dump_counts(CounterReader(*store, 1), AuthorSetReader(*store, 1), start_of_hour(2000),
                          [&](const CountLine& line) { hours.push_back(line.hour); }));
  EXPECT_EQ(hours, std::vector<Hour>{2000});
}

}  // namespace
}  // namespace vigie
