// A cut as JSON:
//   {"v":2,"partition":0,"minute":29500000,"whole":false,
//    "values":[["theme","delivery","m",29500000,12],...],
//    "authors":[["theme","delivery",491666,"00f1..."],...],
//    "more":true}
// `more` is there when another part of the same cut follows. Authors are numbers of eleven digits
// each, of 64, one behind the other: they are most of a cut. Version 1 has a list of texts in place
// of them, of 16 hexadecimal digits.
#include "state/cut.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::string_view kPrefix = "~cut/";
// Rows of one part. With ids of 128 bytes, values take under 400 KB and authors under 200 KB.
constexpr std::size_t kValuesInPart = 2000;
constexpr std::size_t kAuthorsInPart = 200;

constexpr std::int64_t kVersion = 2;
constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
constexpr std::size_t kNameDigits = 11;

void append_name(std::string& out, std::uint64_t author) {
  for (std::size_t i = kNameDigits; i-- > 0;) out += kDigits[author >> (6 * i) & 63];
}

bool read_names(std::string_view text, std::vector<std::uint64_t>& out) {
  static constexpr auto kValues = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < kDigits.size(); ++i) {
      values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
    }
    return values;
  }();
  if (text.size() % kNameDigits != 0) return false;
  for (; !text.empty(); text.remove_prefix(kNameDigits)) {
    std::uint64_t author = 0;
    for (const char c : text.substr(0, kNameDigits)) {
      const std::int8_t value = kValues[static_cast<unsigned char>(c)];
      if (value < 0) return false;
      author = author << 6 | static_cast<std::uint64_t>(value);
    }
    out.push_back(author);
  }
  return true;
}

Error damaged() {
  return {Code::Corrupt, "cut: a stored record is damaged"};
}

bool read_series(simdjson::dom::array row, Series& series) {
  std::string_view dimension;
  std::string_view id;
  if (row.at(0).get(dimension) != simdjson::SUCCESS || row.at(1).get(id) != simdjson::SUCCESS) {
    return false;
  }
  const auto parsed = parse_dimension(dimension);
  if (!parsed) return false;
  series = {*parsed, std::string(id)};
  return true;
}

bool read_value(simdjson::dom::array row, Cut::Value& value) {
  std::string_view granularity;
  std::int64_t bucket = 0;
  if (!read_series(row, value.series) || row.at(2).get(granularity) != simdjson::SUCCESS ||
      row.at(3).get(bucket) != simdjson::SUCCESS ||
      row.at(4).get(value.mentions) != simdjson::SUCCESS) {
    return false;
  }
  if (granularity != "m" && granularity != "h") return false;
  value.granularity = granularity == "m" ? Granularity::Minute : Granularity::Hour;
  value.bucket = static_cast<std::int32_t>(bucket);
  return true;
}

bool read_authors(simdjson::dom::array row, Cut::Authors& authors) {
  std::int64_t hour = 0;
  if (!read_series(row, authors.series) || row.at(2).get(hour) != simdjson::SUCCESS) return false;
  authors.hour = static_cast<Hour>(hour);
  std::string_view names;
  if (row.at(3).get(names) == simdjson::SUCCESS) return read_names(names, authors.authors);
  simdjson::dom::array list;
  if (row.at(3).get(list) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element item : list) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS || text.size() != 16) return false;
    std::uint64_t author = 0;
    for (const char c : text) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) return false;
      author = author << 4 | static_cast<std::uint64_t>(digit);
    }
    authors.authors.push_back(author);
  }
  return true;
}

template <class T, class Read>
bool read_rows(simdjson::dom::element root, std::string_view field, std::vector<T>& out,
               Read read) {
  simdjson::dom::array rows;
  if (root[field].get(rows) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element item : rows) {
    simdjson::dom::array row;
    if (item.get(row) != simdjson::SUCCESS || !read(row, out.emplace_back())) return false;
  }
  return true;
}

}  // namespace

bool is_cut_key(std::string_view key) {
  return key.starts_with(kPrefix);
}

namespace {

void append_json(std::string& out, const Cut& cut, bool more) {
  JsonWriter json(out);
  json.begin_object().field("v", kVersion);
  json.field("partition", std::int64_t{number(cut.partition)});
  json.field("minute", std::int64_t{cut.minute}).field("whole", cut.whole);
  json.key("values").begin_array();
  for (const Cut::Value& value : cut.values) {
    json.begin_array().string(name(value.series.dimension)).string(value.series.id);
    json.string(value.granularity == Granularity::Minute ? "m" : "h");
    json.number(std::int64_t{value.bucket}).number(value.mentions).end_array();
  }
  json.end_array().key("authors").begin_array();
  std::string names;
  for (const Cut::Authors& authors : cut.authors) {
    json.begin_array().string(name(authors.series.dimension)).string(authors.series.id);
    names.clear();
    for (const std::uint64_t author : authors.authors) append_name(names, author);
    json.number(std::int64_t{authors.hour}).string(names).end_array();
  }
  json.end_array();
  if (more) json.field("more", true);
  json.end_object();
}

template <class T>
std::vector<T> rows(const std::vector<T>& all, std::size_t part, std::size_t size) {
  const auto place = [&](std::size_t at) {
    return all.begin() + static_cast<std::ptrdiff_t>(std::min(at, all.size()));
  };
  return {place(part * size), place((part + 1) * size)};
}

}  // namespace

std::optional<std::string> cut_without(std::string_view json, std::uint64_t author) {
  std::string name;
  append_name(name, author);
  // Of version 1.
  if (!json.contains(name) && !json.contains(fmt::format("\"{:016x}\"", author))) {
    return std::nullopt;
  }
  auto part = parse_cut_part(json);
  if (!part) return std::nullopt;
  bool named = false;
  for (Cut::Authors& authors : part->cut.authors) {
    named = std::erase(authors.authors, author) > 0 || named;
  }
  if (!named) return std::nullopt;
  std::string out;
  append_json(out, part->cut, part->more);
  return out;
}

std::vector<CutRecord> cut_records(const Cut& cut) {
  const auto parts_of = [](std::size_t count, std::size_t size) {
    return (count + size - 1) / size;
  };
  const std::size_t parts = std::max<std::size_t>({1, parts_of(cut.values.size(), kValuesInPart),
                                                   parts_of(cut.authors.size(), kAuthorsInPart)});
  std::vector<CutRecord> records;
  for (std::size_t part = 0; part < parts; ++part) {
    Cut some{.partition = cut.partition, .minute = cut.minute, .whole = cut.whole};
    some.values = rows(cut.values, part, kValuesInPart);
    some.authors = rows(cut.authors, part, kAuthorsInPart);
    CutRecord& record = records.emplace_back();
    record.key = fmt::format("{}{}/{}", kPrefix, number(cut.partition), cut.minute);
    if (part > 0) record.key += fmt::format("/{}", part);
    append_json(record.json, some, part + 1 < parts);
  }
  return records;
}

std::optional<Cut> CutJoiner::add(CutPart part) {
  const auto begun = begun_.find(part.cut.partition);
  if (begun != begun_.end() && begun->second.minute == part.cut.minute) {
    Cut& cut = begun->second;
    std::ranges::move(part.cut.values, std::back_inserter(cut.values));
    std::ranges::move(part.cut.authors, std::back_inserter(cut.authors));
    part.cut = std::move(cut);
  }
  // The beginning of a cut whose end never came is of a worker that wrote it anew.
  begun_.erase(part.cut.partition);
  if (!part.more) return std::move(part.cut);
  begun_.emplace(part.cut.partition, std::move(part.cut));
  return std::nullopt;
}

Result<CutPart> parse_cut_part(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS) {
    return std::unexpected(damaged());
  }
  CutPart read;
  Cut& cut = read.cut;
  if (root["more"].get(read.more) != simdjson::SUCCESS) read.more = false;
  std::int64_t version = 0;
  std::int64_t partition = 0;
  std::int64_t minute = 0;
  if (root["v"].get(version) != simdjson::SUCCESS || version < 1 || version > kVersion ||
      root["partition"].get(partition) != simdjson::SUCCESS ||
      root["minute"].get(minute) != simdjson::SUCCESS ||
      root["whole"].get(cut.whole) != simdjson::SUCCESS ||
      !read_rows(root, "values", cut.values, read_value) ||
      !read_rows(root, "authors", cut.authors, read_authors)) {
    return std::unexpected(damaged());
  }
  cut.partition = Partition{static_cast<std::int32_t>(partition)};
  cut.minute = static_cast<Minute>(minute);
  return read;
}

}  // namespace vigie
