#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "pipeline/cli/author_secret.h"
#include "pipeline/cli/backup.h"
#include "pipeline/cli/export.h"
#include "pipeline/cli/service.h"
#include "pipeline/run/erasure_book.h"
#include "state/authors.h"
#include "state/queues.h"

namespace vigie {
namespace {

constexpr std::size_t kPoll = 2'000;
constexpr std::size_t kBatchBytes = std::size_t{8} << 20;

// Erasures that a sweep has not come to the end of: log and files may still hold their authors.
Result<std::size_t> unfinished_erasures(const Store& store) {
  std::set<std::string, std::less<>> found;
  for (const char what : {'E', 'D'}) {
    const std::string prefix{'\x01', what};
    auto scanned = store.scan(Space::Meta, prefix, prefix_end(prefix),
                              [&](std::string_view key, std::string_view) {
                                if (key.size() == 28) found.emplace(key.substr(2));
                                return true;
                              });
    if (!scanned) return std::unexpected(std::move(scanned.error()));
  }
  return found.size();
}

// Those in the book that a store from before them does not know.
Result<std::size_t> unknown_erasures(const std::filesystem::path& book, const Store& store,
                                     std::int32_t partitions) {
  const auto all = read_erasures(book);
  if (!all) return std::unexpected(all.error());
  const Authors authors(store);
  std::size_t count = 0;
  for (std::int32_t i = 0; i < partitions; ++i) {
    const auto missing = authors.missing(Partition{i}, *all);
    if (!missing) return std::unexpected(missing.error());
    count += missing->size();
  }
  return count;
}

}  // namespace

Result<ExportSource> ExportSource::open(const Config& config) {
  const std::filesystem::path state = config.data_dir / "state";
  std::error_code failed;
  if (config.log.kind != LogConfig::Kind::Embedded) {
    return fail(Code::Invalid,
                fmt::format("{}: log.kind: expected embedded: what is exported is an "
                            "installation with the embedded log",
                            config.file.string()));
  }
  if (!std::filesystem::exists(state / "CURRENT", failed)) {
    return fail(Code::NotFound, fmt::format("{}: no store there", state.string()));
  }
  if (store_is_held(state)) {
    return fail(Code::Unavailable,
                fmt::format("{}: the service runs; stop it first", config.data_dir.string()));
  }
  if (!config.author_key && !std::filesystem::exists(config.data_dir / "author.key", failed)) {
    return fail(Code::NotFound, fmt::format("{}: the secret of author keys is gone",
                                            (config.data_dir / "author.key").string()));
  }
  ExportSource source;
  auto secret = author_secret(config);
  if (!secret) return std::unexpected(std::move(secret.error()));
  source.keys = std::make_unique<AuthorKeys>(*secret);
  StoreOptions options;
  options.block_cache_bytes = config.store.block_cache;
  auto store = Store::open(state, options);
  if (!store) return std::unexpected(std::move(store.error()));
  source.store = std::move(*store);
  auto log = EmbeddedLog::open(embedded_options(config.log), *source.store);
  if (!log) return std::unexpected(std::move(log.error()));
  source.log = std::move(*log);
  const auto unfinished = unfinished_erasures(*source.store);
  if (!unfinished) return std::unexpected(unfinished.error());
  const auto unknown =
      unknown_erasures(config.data_dir / kErasureBook, *source.store, source.partitions());
  if (!unknown) return std::unexpected(unknown.error());
  if (*unfinished + *unknown > 0) {
    return fail(
        Code::Invalid,
        fmt::format("{}: {} erasures of authors are not done yet: let the service run until "
                    "vigie_erasure_lag_seconds is 0, then stop it and export",
                    config.data_dir.string(), *unfinished + *unknown));
  }
  return source;
}

Result<void> ExportSource::fold_items(const std::filesystem::path& directory) {
  auto made = Store::open(directory, {});
  if (!made) return std::unexpected(std::move(made.error()));
  items = std::move(*made);
  StoreBatch batch;
  Result<void> kept;
  auto scanned =
      store->scan(Space::Queues, "", "", [&](std::string_view key, std::string_view value) {
        batch.put(Space::Queues, key, value);
        if (batch.bytes() < kBatchBytes) return true;
        kept = items->write(batch, Durability::Buffered);
        batch.clear();
        return kept.has_value();
      });
  if (scanned && kept) kept = items->write(batch, Durability::Buffered);
  if (!scanned || !kept) return scanned ? kept : scanned;
  auto queues = Queues::open(*items);
  if (!queues) return std::unexpected(std::move(queues.error()));
  auto reader = log->read(Topic::Conversations, {.group = "view"}, *store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  while (true) {
    auto polled = (*reader)->poll(kPoll, std::chrono::milliseconds{0});
    if (!polled) return std::unexpected(std::move(polled.error()));
    if (polled->empty()) return {};
    StoreBatch folded;
    for (const LogRecord& record : *polled) {
      // As a view does, which skips what it cannot read.
      [[maybe_unused]] const auto applied = (*queues)->apply(
          record.partition, record.offset, record.key, record.value.value_or(""), folded);
    }
    kept = items->write(folded, Durability::Buffered);
    if (!kept) return kept;
  }
}

}  // namespace vigie
