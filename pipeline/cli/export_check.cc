// Whether a service that starts with nothing but the topics will say what the embedded one said.
#include <algorithm>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <prometheus/registry.h>

#include "pipeline/cli/export.h"
#include "pipeline/log/kafka_commit.h"
#include "pipeline/log/kafka_restore.h"
#include "pipeline/run/changelog.h"
#include "pipeline/run/cut_builder.h"
#include "pipeline/run/view.h"
#include "state/author_rows.h"
#include "state/author_sets.h"
#include "state/queues.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kRowsAtOnce = 1'000;
constexpr milliseconds kStep{500};
// Nothing came for so long.
constexpr std::chrono::seconds kPatience{30};

// What counts of a row; nothing when it is damaged.
using Content = std::function<std::optional<std::string>(std::string_view key, std::string_view)>;

std::optional<std::string> whole(std::string_view, std::string_view value) {
  return std::string(value);
}

// Partition and value, without the stamp, which is an offset on one side and a time on the other.
std::optional<std::string> text_of(std::string_view, std::string_view value) {
  if (value.size() < kLatestHead) return std::nullopt;
  return std::string(value.substr(0, 3)).append(value.substr(kLatestHead));
}

std::optional<std::string> item_of(std::string_view key, std::string_view value) {
  return item_content(key.substr(queues_key("").size()), value);
}

// The clocks of the queues: of one partition on one side, of several on the other.
bool is_clock(Space space, std::string_view key) {
  return space == Space::Queues && key == queues_key("");
}

// Compares the rows of two stores that begin so.
class Rows {
 public:
  Rows(const Store& source, const Store& found, Space space, Content content)
      : source_(source), found_(found), space_(space), content_(std::move(content)) {}

  // `expired` of the source's may be missing.
  Result<Compared> compare(std::string what, const std::string& prefix, std::uint64_t expired = 0);

 private:
  Result<void> look_up(Compared& compared);

  const Store& source_;
  const Store& found_;
  const Space space_;
  const Content content_;
  std::vector<std::pair<std::string, std::string>> rows_;
  std::uint64_t missing_ = 0;
};

Result<void> Rows::look_up(Compared& compared) {
  std::vector<std::string_view> keys;
  keys.reserve(rows_.size());
  for (const auto& [key, value] : rows_) keys.push_back(key);
  auto found = found_.get_many(space_, keys);
  if (!found) return std::unexpected(std::move(found.error()));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto& [key, value] = rows_[i];
    if (!(*found)[i]) {
      ++missing_;
      continue;
    }
    const auto wanted = content_(key, value);
    if (!wanted || wanted != content_(key, *(*found)[i])) ++compared.different;
  }
  rows_.clear();
  return {};
}

Result<Compared> Rows::compare(std::string what, const std::string& prefix, std::uint64_t expired) {
  Compared compared{.what = std::move(what)};
  missing_ = 0;
  Result<void> looked;
  auto scanned = source_.scan(space_, prefix, prefix_end(prefix),
                              [&](std::string_view key, std::string_view value) {
                                if (is_clock(space_, key)) return true;
                                ++compared.source;
                                rows_.emplace_back(key, value);
                                if (rows_.size() == kRowsAtOnce) looked = look_up(compared);
                                return looked.has_value();
                              });
  if (scanned && looked) scanned = look_up(compared);
  if (scanned && looked) {
    scanned = found_.scan(space_, prefix, prefix_end(prefix),
                          [&](std::string_view key, std::string_view) {
                            if (!is_clock(space_, key)) ++compared.found;
                            return true;
                          });
  }
  if (!scanned || !looked) return std::unexpected(!scanned ? scanned.error() : looked.error());
  // All that was found and is not the source's.
  const std::uint64_t both = compared.source - missing_;
  compared.different += std::max(missing_, expired) - expired + (compared.found - both);
  return compared;
}

class Check {
 public:
  Check(const ExportSource& source, EventLog& target, const KafkaOptions& options,
        const std::filesystem::path& scratch, const Tell& tell, const Exported& exported)
      : source_(source),
        target_(target),
        options_(options),
        scratch_(scratch),
        tell_(tell),
        exported_(exported) {}

  Result<std::vector<Compared>> run();

 private:
  Result<void> records();
  Result<void> fold_worker();
  Result<void> fold_first_sights();
  Result<void> fold_view();
  Result<void> compare_worker();
  Result<void> compare_places();
  Result<void> compare_view();
  Result<void> add(Result<Compared> compared);
  std::uint64_t expired(Topic topic) const {
    const auto at = exported_.expired.find(topic);
    return at == exported_.expired.end() ? 0 : at->second;
  }

  const ExportSource& source_;
  EventLog& target_;
  const KafkaOptions& options_;
  const std::filesystem::path& scratch_;
  const Tell& tell_;
  const Exported& exported_;
  std::unique_ptr<Store> worker_;
  std::unique_ptr<Store> view_;
  std::vector<Compared> compared_;
};

Result<void> Check::add(Result<Compared> compared) {
  if (!compared) return std::unexpected(std::move(compared.error()));
  compared_.push_back(std::move(*compared));
  return {};
}

Result<void> Check::records() {
  std::vector<Topic> topics;
  for (const TopicInfo& topic : all_topics()) topics.push_back(topic.topic);
  auto extents = topic_extents(options_, topics, source_.partitions());
  if (!extents) return std::unexpected(std::move(extents.error()));
  for (const TopicInfo& topic : all_topics()) {
    Compared compared{.what = fmt::format("records of {}", topic.name)};
    compared.source = exported_.records_of(topic.topic);
    for (const TopicExtent& extent : *extents) {
      if (extent.topic != topic.topic) continue;
      const TopicPartition place{extent.topic, extent.partition};
      const auto found = static_cast<std::uint64_t>(extent.end - exported_.begins.at(place));
      const auto wanted = exported_.records.find(place);
      compared.found += found;
      if (found != (wanted == exported_.records.end() ? 0 : wanted->second)) ++compared.different;
    }
    compared_.push_back(std::move(compared));
  }
  return {};
}

Result<void> Check::fold_worker() {
  std::vector<Partition> partitions;
  for (std::int32_t i = 0; i < source_.partitions(); ++i) partitions.push_back(Partition{i});
  // Nobody else writes this store.
  auto restore = KafkaRestore::open(options_, worker_changelog(), partitions, *worker_,
                                    [](const auto& write) { return write(); });
  if (!restore) return std::unexpected(std::move(restore.error()));
  auto moved_at = SteadyClock::now();
  std::uint64_t read = 0;
  while (true) {
    auto done = (*restore)->step(kStep);
    if (!done) return std::unexpected(std::move(done.error()));
    if (*done) return fold_first_sights();
    if ((*restore)->progress().records > read) moved_at = SteadyClock::now();
    read = (*restore)->progress().records;
    tell_("read again", read);
    if (SteadyClock::now() - moved_at > kPatience) {
      return fail(Code::Unavailable, "kafka: the end of the changelog was not reached");
    }
  }
}

Result<void> Check::fold_first_sights() {
  auto reader = target_.read(Topic::Authors, {.group = "export-check"}, *worker_);
  if (!reader) return std::unexpected(std::move(reader.error()));
  const auto ends = (*reader)->ends();
  if (!ends) return std::unexpected(ends.error());
  const auto ended = [&] {
    return std::ranges::all_of(
        *ends, [&](const auto& end) { return (*reader)->position(end.first).first >= end.second; });
  };
  auto moved_at = SteadyClock::now();
  while (!ended()) {
    auto polled = (*reader)->poll(kRowsAtOnce, kStep);
    if (!polled) return std::unexpected(std::move(polled.error()));
    StoreBatch batch;
    for (const LogRecord& record : *polled) {
      if (auto folded = fold_authors(record, batch); !folded) return folded;
    }
    if (auto kept = worker_->write(batch, Durability::Buffered); !kept) return kept;
    if (!polled->empty()) moved_at = SteadyClock::now();
    if (SteadyClock::now() - moved_at > kPatience) {
      return fail(Code::Unavailable, "kafka: the end of `authors` was not reached");
    }
  }
  return {};
}

// A view tells how many records it folded, not that it is done: what never comes shows in the
// comparison.
Result<void> Check::fold_view() {
  prometheus::Registry registry;
  ViewOptions options;
  options.fold_state = true;
  auto view = View::open(target_, *view_, registry, std::move(options));
  if (!view) return std::unexpected(std::move(view.error()));
  std::uint64_t wanted = 0;
  for (const Topic topic : {Topic::Conversations, Topic::Alerts, Topic::Tagged, Topic::Counters,
                            Topic::CountersLong, Topic::Authors}) {
    wanted += exported_.records_of(topic);
  }
  auto moved_at = SteadyClock::now();
  for (std::uint64_t folded = 0; folded < wanted;) {
    auto stepped = (*view)->step(milliseconds{20});
    if (!stepped) return std::unexpected(std::move(stepped.error()));
    folded += *stepped;
    if (*stepped > 0) moved_at = SteadyClock::now();
    tell_("read again by a view", folded);
    if (SteadyClock::now() - moved_at > kPatience) break;
  }
  return {};
}

Result<void> Check::compare_worker() {
  Rows ledger(*source_.store, *worker_, Space::Ledger, whole);
  Rows counters(*source_.store, *worker_, Space::Counters, whole);
  Rows authors(*source_.store, *worker_, Space::Authors, whole);
  Rows texts(*source_.store, *worker_, Space::Latest, text_of);
  auto done = add(ledger.compare("ledger", ""));
  if (done) done = add(counters.compare("counters", ""));
  for (const auto& [what, prefix] :
       {std::pair{"authors first seen", first_seen_rows()},
        std::pair{"authors hidden", hidden_rows()}, std::pair{"authors erased", erased_rows()},
        std::pair{"sets of authors", std::string{'\x01', 's'}}}) {
    if (done) done = add(authors.compare(what, prefix));
  }
  if (done) {
    done = add(texts.compare("texts", latest_key(Topic::Tagged, ""), expired(Topic::Tagged)));
  }
  return done;
}

// How far each partition is: its stream time, its last cut, its first mention that is not counted.
Result<void> Check::compare_places() {
  Compared compared{.what = "places to go on"};
  for (std::int32_t i = 0; i < source_.partitions(); ++i) {
    const Partition partition{i};
    ++compared.source;
    bool same = true;
    for (const std::string& key : {stream_time_key(partition), cut_state_key(partition)}) {
      auto wanted = source_.store->get(Space::Meta, key);
      auto found = worker_->get(Space::Meta, key);
      if (!wanted || !found) return std::unexpected(!wanted ? wanted.error() : found.error());
      same = same && *wanted == *found;
    }
    auto commit = stored_commit(*worker_, partition);
    if (!commit) return std::unexpected(std::move(commit.error()));
    if (*commit) ++compared.found;
    same = same && *commit && (*commit)->next == exported_.next.at(partition);
    if (!same) ++compared.different;
  }
  compared_.push_back(std::move(compared));
  return {};
}

Result<void> Check::compare_view() {
  Rows counters(*source_.store, *view_, Space::Counters, whole);
  Rows authors(*source_.store, *view_, Space::Authors, whole);
  Rows items(*source_.items, *view_, Space::Queues, item_of);
  Rows texts(*source_.store, *view_, Space::Latest, text_of);
  auto done = add(counters.compare("counters that are served", ""));
  if (done) done = add(authors.compare("sets that are served", std::string{'\x01', 's'}));
  if (done) {
    done = add(texts.compare("texts that are served", latest_key(Topic::Tagged, ""),
                             expired(Topic::Tagged)));
  }
  if (done) done = add(items.compare("items", queues_key("")));
  return done;
}

Result<std::vector<Compared>> Check::run() {
  for (auto [store, name] : {std::pair{&worker_, "state"}, std::pair{&view_, "view"}}) {
    auto opened = Store::open(scratch_ / name, {});
    if (!opened) return std::unexpected(std::move(opened.error()));
    *store = std::move(*opened);
  }
  Result<void> done;
  for (const auto step : {&Check::records, &Check::fold_worker, &Check::fold_view,
                          &Check::compare_worker, &Check::compare_places, &Check::compare_view}) {
    done = (this->*step)();
    if (!done) return std::unexpected(std::move(done.error()));
  }
  return std::move(compared_);
}

}  // namespace

Result<std::vector<Compared>> check_topics(const ExportSource& source, EventLog& target,
                                           const KafkaOptions& options,
                                           const std::filesystem::path& scratch, const Tell& tell,
                                           const Exported& exported) {
  return Check(source, target, options, scratch, tell, exported).run();
}

}  // namespace vigie
