#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vigie {

// Appends `text`, which is valid UTF-8, as a JSON string with its quotes. Only what JSON requires
// is escaped, so text stays readable.
void append_json_string(std::string& out, std::string_view text);

// Writes one JSON value after the other into `out`, with the commas. The caller pairs begin and end
// and gives a key before each value in an object. Numbers that are not finite become null.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view text);
  JsonWriter& number(std::int64_t value);
  JsonWriter& number(double value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  // A value that is JSON already.
  JsonWriter& raw(std::string_view json);

  JsonWriter& field(std::string_view name, std::string_view text) { return key(name).string(text); }
  JsonWriter& field(std::string_view name, const char* text) { return key(name).string(text); }
  JsonWriter& field(std::string_view name, std::int64_t value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }

 private:
  void separate();

  std::string& out_;
  bool comma_ = false;
};

}  // namespace vigie
