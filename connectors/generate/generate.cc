#include "connectors/generate/generate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <ostream>

#include <fmt/format.h>
#include <xxhash.h>

#include "connectors/options.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kBatchItems = 1000;
constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;

// Changes when a change of the options changes the stream.
std::uint64_t print_of(const GenerateOptions& options) {
  std::string text =
      fmt::format("{} {} {} {} {} {}", options.seed, options.per_second, options.duration.count(),
                  options.count, options.surprise_bursts, options.rhythm);
  for (const Act act : options.acts) text.append(1, ' ').append(name(act));
  for (const Burst& burst : options.bursts) {
    text += fmt::format(" {} {} {} {}", burst.start.time_since_epoch().count(),
                        burst.length.count(), name(burst.topic), burst.strength);
  }
  return XXH3_64bits(text.data(), text.size());
}

struct Cursor {
  StreamPosition position;
  Time start;
  std::uint64_t print = 0;
};

std::optional<Cursor> parse_cursor(std::string_view text) {
  std::array<std::uint64_t, 5> parts{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) {
      if (at == end || *at != ':') return std::nullopt;
      ++at;
    }
    const auto [stop, code] = std::from_chars(at, end, parts[i]);
    if (code != std::errc{}) return std::nullopt;
    at = stop;
  }
  if (at != end) return std::nullopt;
  Cursor cursor;
  cursor.position = {parts[0], static_cast<Minute>(parts[1]), static_cast<std::uint32_t>(parts[2])};
  cursor.start = Time{std::chrono::microseconds{static_cast<std::int64_t>(parts[3])}};
  cursor.print = parts[4];
  return cursor;
}

void pause(milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
}

Result<void> flush(std::ostream& out, std::string& text) {
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  text.clear();
  if (!out) return fail(Code::Unavailable, "generate: the output refuses what is written");
  return {};
}

}  // namespace

Result<void> generate_to(std::ostream& out, const GenerateOptions& options, std::ostream* ledger,
                         const GenerateProgress& progress) {
  if (const auto wrong = check(options)) return fail(Code::Invalid, "generate: " + *wrong);
  if (options.duration.count() == 0 && options.count == 0 && !progress) {
    return fail(Code::Invalid, "generate: expected a duration or a count");
  }
  Generator generator(options);
  std::string text;
  std::string lines;
  std::uint64_t acts = 0;
  while (const auto emission = generator.next()) {
    append_json(text, emission->mention);
    text += '\n';
    if (ledger != nullptr) append_ledger_line(lines, *emission);
    ++acts;
    if (text.size() < kBlockBytes) continue;
    if (auto flushed = flush(out, text); !flushed) return flushed;
    if (ledger != nullptr) {
      if (auto flushed = flush(*ledger, lines); !flushed) return flushed;
    }
    if (progress && !progress(acts)) return {};
  }
  if (auto flushed = flush(out, text); !flushed) return flushed;
  if (ledger != nullptr) {
    if (auto flushed = flush(*ledger, lines); !flushed) return flushed;
  }
  if (progress) progress(acts);
  return {};
}

Generate::Generate(LiveGenerateOptions options, Clock clock)
    : options_(std::move(options)), clock_(std::move(clock)) {}

Result<void> Generate::open(std::string_view text, std::stop_token) {
  generator_.reset();
  StreamPosition position;
  options_.stream.start = floor<milliseconds>(clock_());
  position.minute = minute_of(options_.stream.start);
  options_.stream.seen_at = false;
  if (!text.empty()) {
    const auto cursor = parse_cursor(text);
    if (!cursor) {
      return fail(Code::Invalid, fmt::format("generate: expected a cursor "
                                             "ORDINAL:MINUTE:INDEX:START:PRINT, found \"{}\"",
                                             text));
    }
    position.ordinal = cursor->position.ordinal;
    if (cursor->print == print_of(options_.stream)) {
      position = cursor->position;
      options_.stream.start = cursor->start;
    } else {
      // Ids name the minute of their message: from the next one on they are new.
      options_.stream.start = ceil<std::chrono::minutes>(options_.stream.start);
      position.minute = minute_of(options_.stream.start);
      ++notes_.gaps;
    }
  }
  if (const auto wrong = check(options_.stream)) return fail(Code::Invalid, "generate: " + *wrong);
  if (!options_.ledger.empty()) {
    if (auto opened = ledger_.open(options_.ledger, position.ordinal); !opened) return opened;
  }
  generator_.emplace(options_.stream, position);
  return {};
}

Result<Batch> Generate::next(milliseconds wait, std::stop_token stop) {
  if (!generator_) return fail(Code::Unavailable, "generate: not open");
  Batch batch;
  const auto at = generator_->next_at();
  if (at && *at > clock_()) {
    const auto left = std::chrono::ceil<milliseconds>(*at - clock_());
    pause(std::min(left, wait), stop);
  }
  if (auto added = add_due(batch); !added) return std::unexpected(std::move(added.error()));
  batch.cursor = cursor();
  batch.finished = !generator_->next_at();
  return batch;
}

Result<void> Generate::add_due(Batch& batch) {
  const Time now = clock_();
  while (batch.items.size() < kBatchItems) {
    const auto at = generator_->next_at();
    if (!at || *at > now) break;
    auto emission = generator_->next();
    if (ledger_.is_open()) append_ledger_line(lines_, *emission);
    batch.items.emplace_back(std::move(emission->mention));
  }
  if (lines_.empty()) return {};
  auto written = ledger_.write(lines_);
  lines_.clear();
  // Without its ledger the batch must not be handed out: `open` begins again at the last cursor.
  if (!written) generator_.reset();
  return written;
}

std::string Generate::cursor() const {
  const StreamPosition position = generator_->position();
  return fmt::format("{}:{}:{}:{}:{}", position.ordinal, position.minute, position.index,
                     options_.stream.start.time_since_epoch().count(), print_of(options_.stream));
}

namespace {

std::vector<Burst> read_bursts(Options& options) {
  std::vector<Burst> bursts;
  const YamlNode* list = options.find("bursts");
  if (list == nullptr) return bursts;
  constexpr std::string_view kWanted =
      "bursts: expected a list of {start, length, topic, strength}";
  if (list->type != YamlNode::Type::List) {
    options.refuse(list->mark, kWanted);
    return bursts;
  }
  for (const YamlNode& item : list->items) {
    Burst& burst = bursts.emplace_back();
    for (const auto& [key, value] : item.entries) {
      bool good = value.type == YamlNode::Type::Scalar;
      if (key.text == "start") {
        const auto start = parse_time(value.text);
        good = good && start.has_value();
        burst.start = start.value_or(Time{});
      } else if (key.text == "length") {
        const auto length = parse_duration(value.text);
        good = good && length.has_value();
        burst.length = floor<std::chrono::minutes>(length.value_or(milliseconds{0}));
      } else if (key.text == "topic") {
        const auto topic = parse_topic(value.text);
        good = good && topic.has_value();
        burst.topic = topic.value_or(Subject::Delivery);
      } else if (key.text == "strength") {
        const char* const end = value.text.data() + value.text.size();
        good = good && std::from_chars(value.text.data(), end, burst.strength).ptr == end;
      } else {
        options.refuse(key.mark, fmt::format("bursts: unknown key \"{}\"", key.text));
      }
      if (!good) options.refuse(value.mark, fmt::format("bursts: {}: bad value", key.text));
    }
    if (item.type != YamlNode::Type::Map || burst.start == Time{}) {
      options.refuse(item.mark, kWanted);
    }
  }
  return bursts;
}

}  // namespace

Result<std::unique_ptr<Connector>> make_generate(const ConnectorSettings& settings) {
  Options options(settings, {"seed", "per_second", "duration", "count", "ops", "bursts",
                             "surprise_bursts", "rhythm", "ledger"});
  LiveGenerateOptions live;
  GenerateOptions& stream = live.stream;
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  stream.seed = static_cast<std::uint64_t>(options.whole("seed", 0, kMost, 1));
  stream.per_second = options.real("per_second", 0.001, 1'000'000, 50);
  stream.duration =
      floor<std::chrono::seconds>(options.duration("duration", std::chrono::milliseconds{0}));
  stream.count = static_cast<std::uint64_t>(options.whole("count", 0, kMost, 0));
  for (const std::string& text : options.texts("ops")) {
    if (const auto act = parse_act(text)) {
      stream.acts.push_back(*act);
    } else {
      options.refuse(options.find("ops")->mark, fmt::format("ops: unknown \"{}\"", text));
      break;
    }
  }
  stream.bursts = read_bursts(options);
  stream.surprise_bursts = options.flag("surprise_bursts", true);
  stream.rhythm = options.flag("rhythm", true);
  live.ledger = options.text("ledger", "");
  if (!options.ok()) return std::unexpected(options.error());
  if (const auto wrong = check(stream)) {
    return fail(Code::Invalid, at(settings.file, settings.options->mark, *wrong));
  }
  return std::make_unique<Generate>(std::move(live));
}

}  // namespace vigie
