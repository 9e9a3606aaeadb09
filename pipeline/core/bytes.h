#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vigie {

// Fixed-width integers are stored big-endian, so that keys sort by number.
template <class T>
void put_fixed(std::string& out, T value) {
  for (std::size_t i = sizeof(T); i-- > 0;) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

// Integers of any size in seven-bit groups, lowest first; the high bit says that more follow.
inline void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

// Signed integers near zero, either side, in few bytes.
inline void put_signed(std::string& out, std::int64_t value) {
  put_varint(out,
             (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

inline void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

// Reads what the functions above wrote. After the first read beyond the end or out of form, `ok()`
// is false and every answer is zero or empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == bytes_.size(); }
  std::string_view rest() const { return bytes_.substr(at_); }

  // For what is well formed and cannot be; as after a read beyond the end.
  void refuse() { broken<char>(); }

  template <class T>
  T fixed() {
    if (bytes_.size() - at_ < sizeof(T)) return broken<T>();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = value << 8 | static_cast<std::uint8_t>(bytes_[at_ + i]);
    }
    at_ += sizeof(T);
    return static_cast<T>(value);
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) return broken<std::uint64_t>();
      const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return broken<std::uint64_t>();
  }

  std::int64_t signed_varint() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }

  std::string_view text() {
    const std::uint64_t size = varint();
    if (size > bytes_.size() - at_) return broken<std::string_view>();
    const std::string_view out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }

 private:
  template <class T>
  T broken() {
    ok_ = false;
    at_ = bytes_.size();
    return T{};
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace vigie
