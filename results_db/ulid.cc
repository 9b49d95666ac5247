#include "results_db/ulid.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>

namespace hourglass::results {
namespace {

constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

std::array<uint8_t, 10> RandomBytes() {
  std::random_device device;
  std::array<uint8_t, 10> bytes;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(device());
  return bytes;
}

// Adds one to the big-endian number.
void Increment(std::array<uint8_t, 10>& bytes) {
  for (size_t i = bytes.size(); i-- > 0;) {
    if (++bytes[i] != 0) return;
  }
}

}  // namespace

std::string EncodeUlid(uint64_t unix_milliseconds, const std::array<uint8_t, 10>& random) {
  std::string text(26, '0');
  for (int i = 9; i >= 0; --i) {
    text[i] = kAlphabet[unix_milliseconds & 31];
    unix_milliseconds >>= 5;
  }
  // 80 bits = 16 characters of 5 bits.
  for (int i = 0; i < 16; ++i) {
    const int bit = i * 5;
    const int shift = 11 - bit % 8;
    const int high = random[bit / 8];
    const int low = bit / 8 + 1 < 10 ? random[bit / 8 + 1] : 0;
    text[10 + i] = kAlphabet[(((high << 8) | low) >> shift) & 31];
  }
  return text;
}

std::string NewUlid() {
  static std::mutex mutex;
  static uint64_t last_time = 0;
  static std::array<uint8_t, 10> last_random;
  const std::lock_guard<std::mutex> lock(mutex);
  const uint64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                           std::chrono::system_clock::now().time_since_epoch())
                           .count();
  if (now > last_time) {
    last_time = now;
    last_random = RandomBytes();
  } else {
    Increment(last_random);
  }
  return EncodeUlid(last_time, last_random);
}

}  // namespace hourglass::results
