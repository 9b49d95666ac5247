#include "hourglass/base/hash.h"

#include <openssl/evp.h>

#include <cstdio>
#include <vector>

#include "hourglass/base/check.h"
#include "hourglass/base/file.h"

namespace hourglass {

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  HG_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::Update(std::string_view bytes) {
  HG_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::Hex() {
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

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Hex();
}

absl::StatusOr<std::string> Sha256FileHex(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) return ErrnoStatus(path, "open");
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    hash.Update({buffer.data(), got});
  }
  if (std::ferror(file.get()) != 0) return ErrnoStatus(path, "read");
  return hash.Hex();
}

}  // namespace hourglass
