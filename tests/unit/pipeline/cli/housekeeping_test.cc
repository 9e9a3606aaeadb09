#include "pipeline/cli/housekeeping.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "pipeline/run/rule_cost_board.h"
#include "pipeline/run/rules_source.h"
#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

namespace fs = std::filesystem;

TEST(Housekeeping, RemovesAStoreThatWasSetAsideThreeDaysAgoWhileTheServiceRuns) {
  const ScratchDirectory data;
  const fs::path old = data.path() / "state.damaged";
  const fs::path young = data.path() / "view.damaged";
  for (const fs::path& path : {old, young}) {
    fs::create_directory(path);
    std::ofstream(path / "000001.sst") << "a text";
  }
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours{73});
  std::ofstream(data.path() / "rules.yaml") << "brand: {id: acme, query: acme}\n";
  auto rules = RulesSource::open(data.path() / "rules.yaml");
  ASSERT_TRUE(rules) << rules.error().message;
  prometheus::Registry registry;
  RuleCostBoard costs([&] { return (*rules)->current(); }, registry);
  ScratchStore store;
  Housekeeping house({.rules = **rules, .costs = costs, .store = *store, .caches = data.path()},
                     registry);

  house.tidy_up();

  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young / "000001.sst"));
}

}  // namespace
}  // namespace vigie
