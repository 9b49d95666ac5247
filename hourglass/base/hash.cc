#include "hourglass/base/hash.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hourglass/base/check.h"

namespace hourglass {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    HG_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void Update(const void* data, size_t size) {
    HG_CHECK(EVP_DigestUpdate(context_.get(), data, size) == 1);
  }
  std::string Hex() {
    unsigned char digest[32];
    unsigned int size = 0;
    HG_CHECK(EVP_DigestFinal_ex(context_.get(), digest, &size) == 1 && size == 32);
    std::string text;
    for (const unsigned char byte : digest) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes.data(), bytes.size());
  return hash.Hex();
}

absl::StatusOr<std::string> Sha256FileHex(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    hash.Update(buffer.data(), got);
  }
  if (std::ferror(file.get())) return absl::UnavailableError(absl::StrCat(path, ": read error"));
  return hash.Hex();
}

}  // namespace hourglass
