#include "hourglass/train/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <span>
#include <vector>

#include "hourglass/base/file.h"
#include "hourglass/base/hash.h"
#include "tests/train/train_support.h"

namespace hourglass {
namespace {

using ::hourglass::testing::FixturePath;
using ::hourglass::testing::TestFolder;

std::string LittleEndian64(uint64_t number) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i));
  return bytes;
}

std::string FileOf(const std::string& header, const std::string& data) {
  return LittleEndian64(header.size()) + header + data;
}

absl::StatusOr<Safetensors> OpenBytes(const std::string& bytes) {
  const std::string path = TestFolder() + "/file.safetensors";
  std::ofstream(path, std::ios::binary) << bytes;
  return Safetensors::Open(path);
}

template <typename T>
SafetensorsWriter::Source From(std::vector<T> values) {
  return [values](std::span<std::byte> out) {
    EXPECT_EQ(out.size(), values.size() * sizeof(T));
    const auto bytes = std::as_bytes(std::span(values));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return absl::OkStatus();
  };
}

// The rule of the seal, followed by hand.
TEST(SafetensorsTest, ASealIsTheHashOfTheFileWithoutItsDigits) {
  const std::string path = TestFolder() + "/sealed";
  SafetensorsWriter writer;
  writer.SetMetadata("a", R"(b"sha256":"c)");
  writer.SetMetadata("z", std::string(64, '0'));
  writer.Add("x", FileDType::kF32, Shape{2}, From<float>({1, 2}));
  writer.Seal();
  ASSERT_TRUE(writer.Write(path).ok());
  std::string bytes = ReadFile(path).value();
  const auto file = Safetensors::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->CheckSeal().ok()) << file->CheckSeal();
  const std::string seal = file->Metadata("sha256").value();
  bytes.replace(bytes.find(seal), 64, std::string(64, '0'));
  EXPECT_EQ(Sha256Hex(bytes), seal);
}

TEST(SafetensorsTest, WithoutASealItIsNotWhole) {
  const auto file = OpenBytes(FileOf("{}", ""));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->CheckSeal().code(), absl::StatusCode::kDataLoss);
}

// Bytes written down by hand from the description of the format.
TEST(SafetensorsTest, ReadsAFileWrittenByHand) {
  const std::string header =
      R"({"__metadata__":{"who":"me"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[1,3],"data_offsets":[8,11]},)"
      R"("s":{"shape":[],"data_offsets":[11,15],"dtype":"I32"}}   )";
  const std::string data("\x00\x00\x80\x3f\x00\x00\x00\xc0\x01\x02\xff\x07\x00\x00\x00", 15);
  const auto file = OpenBytes(FileOf(header, data));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata(), (std::map<std::string, std::string>{{"who", "me"}}));
  EXPECT_EQ(file->ReadDoubles("a").value(), (std::vector<double>{1, -2}));
  EXPECT_EQ(file->ReadDoubles("b").value(), (std::vector<double>{1, 2, 255}));
  EXPECT_EQ(file->Find("b")->shape, (Shape{1, 3}));
  EXPECT_EQ(file->ReadInts("s").value(), (std::vector<int32_t>{7}));
  EXPECT_EQ(file->Find("s")->shape.rank(), 0);
}

TEST(SafetensorsTest, EveryTypeComesBack) {
  const std::string path = TestFolder() + "/all.safetensors";
  SafetensorsWriter writer;
  writer.SetMetadata("note", "\"quoted\" \n and \xc3\xa9");
  writer.Add("u8", FileDType::kU8, Shape{3}, From<uint8_t>({0, 1, 255}));
  writer.Add("f64", FileDType::kF64, Shape{2, 2}, From<double>({0.1, -1e300, 5e-324, 3}));
  writer.Add("f32", FileDType::kF32, Shape{1, 2}, From<float>({0.1f, -7}));
  writer.Add("bf16", FileDType::kBF16, Shape{2}, From<uint16_t>({0x3f80, 0xc000}));
  writer.Add("i32", FileDType::kI32, Shape{2}, From<int32_t>({-1, 1 << 30}));
  writer.Add("u32", FileDType::kU32, Shape{1}, From<uint32_t>({0xffffffffu}));
  writer.Add("i64", FileDType::kI64, Shape{1}, From<int64_t>({-5}));
  writer.Add("none", FileDType::kF32, Shape{0, 4}, From<float>({}));
  ASSERT_TRUE(writer.Write(path).ok());
  const auto file = Safetensors::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Metadata("note").value(), "\"quoted\" \n and \xc3\xa9");
  EXPECT_EQ(file->tensors().size(), 8u);
  EXPECT_EQ(file->ReadDoubles("f64").value(), (std::vector<double>{0.1, -1e300, 5e-324, 3}));
  EXPECT_EQ(file->ReadDoubles("f32").value(), (std::vector<double>{0.1f, -7}));
  EXPECT_EQ(file->ReadDoubles("bf16").value(), (std::vector<double>{1, -2}));
  EXPECT_EQ(file->ReadInts("i32").value(), (std::vector<int32_t>{-1, 1 << 30}));
  EXPECT_EQ(file->ReadDoubles("u32").value(), (std::vector<double>{4294967295.0}));
  EXPECT_EQ(file->ReadDoubles("i64").value(), (std::vector<double>{-5}));
  EXPECT_EQ(file->ReadDoubles("u8").value(), (std::vector<double>{0, 1, 255}));
  EXPECT_EQ(file->ReadDoubles("none").value(), (std::vector<double>{}));
  for (const auto& [name, tensor] : file->tensors()) {
    EXPECT_EQ(tensor.offset % static_cast<int64_t>(SizeOf(tensor.dtype)), 0) << name;
  }
}

TEST(SafetensorsTest, EqualContentMakesEqualFiles) {
  const std::string folder = TestFolder();
  for (const char* name : {"/a", "/b"}) {
    SafetensorsWriter writer;
    const bool first = std::string(name) == "/a";
    writer.Add(first ? "x" : "y", FileDType::kF32, Shape{1}, From<float>({first ? 1.f : 2.f}));
    writer.Add(first ? "y" : "x", FileDType::kF32, Shape{1}, From<float>({first ? 2.f : 1.f}));
    ASSERT_TRUE(writer.Write(folder + name).ok());
  }
  EXPECT_EQ(ReadFile(folder + "/a").value(), ReadFile(folder + "/b").value());
}

TEST(SafetensorsTest, AFailingSourceLeavesTheOldFile) {
  const std::string path = TestFolder() + "/kept";
  ASSERT_TRUE(WriteFileAtomically(path, "old").ok());
  SafetensorsWriter writer;
  writer.Add("a", FileDType::kF32, Shape{1}, From<float>({1}));
  writer.Add("b", FileDType::kF32, Shape{1},
             [](std::span<std::byte>) { return absl::InternalError("no"); });
  EXPECT_EQ(writer.Write(path).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReadFile(path).value(), "old");
}

TEST(SafetensorsTest, ReadsTheParityFixtures) {
  const auto file = Safetensors::Open(FixturePath("training_trajectory"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Metadata("format").value(), "hourglass-parity-1");
  EXPECT_EQ(file->Metadata("kind").value(), "trajectory");
  EXPECT_EQ(file->ReadDoubles("losses").value().size(), 20u);
  EXPECT_EQ(file->Find("embedding")->shape, (Shape{11, 16}));
  // From the metadata of that file.
  EXPECT_DOUBLE_EQ(file->ReadDoubles("losses").value()[0], 2.918667449244897);
}

TEST(SafetensorsTest, MissingThingsAreNamed) {
  EXPECT_EQ(Safetensors::Open("/no/such/file").status().code(), absl::StatusCode::kNotFound);
  const auto file = OpenBytes(FileOf("{}", ""));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->Find("w").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(file->ReadDoubles("w").status().message()).find("no tensor 'w'"),
            std::string::npos);
  EXPECT_NE(std::string(file->Metadata("k").status().message()).find("no metadata 'k'"),
            std::string::npos);
}

TEST(SafetensorsTest, AFolderIsNotAFile) {
  const auto file = Safetensors::Open(TestFolder());
  EXPECT_EQ(file.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST(SafetensorsTest, AFileThatShrinksIsAnError) {
  const std::string path = TestFolder() + "/shrinks";
  const std::string header = R"({"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}})";
  ASSERT_TRUE(WriteFileAtomically(path, FileOf(header, std::string(16, 'x'))).ok());
  const auto file = Safetensors::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(::truncate(path.c_str(), 20), 0);
  EXPECT_EQ(file->ReadDoubles("a").status().code(), absl::StatusCode::kDataLoss);
}

struct Malformed {
  const char* name;
  std::string bytes;
  std::string message;  // part of what the error says
};
void PrintTo(const Malformed& file, std::ostream* out) { *out << file.name; }

std::string Repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// A header with one tensor "a" whose description is given, and 8 bytes of data.
Malformed OneTensor(const char* name, const std::string& description, const std::string& message) {
  return {name, FileOf("{\"a\":" + description + "}", std::string(8, '\0')), message};
}

const std::vector<Malformed>& MalformedFiles() {
  static const auto* const files = new std::vector<Malformed>{
      {"Empty", "", "too short"},
      {"SevenBytes", "1234567", "too short"},
      {"HeaderOverLimit", LittleEndian64(100'000'001) + "{}", "larger than the limit"},
      {"HeaderOf2To63", LittleEndian64(uint64_t{1} << 63) + "{}", "larger than the limit"},
      {"HeaderOf2To64Less1", LittleEndian64(~uint64_t{0}) + "{}", "larger than the limit"},
      {"HeaderBeyondFile", LittleEndian64(100) + "{}", "header of 100 bytes in a file of 10"},
      {"NoJson", FileOf("what?", ""), "not JSON"},
      {"CutJson", FileOf(R"({"a":{"dtype":)", ""), "not JSON"},
      {"TrailingJson", FileOf("{}{}", ""), "not JSON"},
      {"NotUtf8", FileOf("{\"\xff\":1}", ""), "not JSON"},
      {"EmptyHeader", FileOf("", ""), "not JSON"},
      {"ListAtTop", FileOf("[]", ""), "a list"},
      {"NumberAtTop", FileOf("5", ""), "a number"},
      {"DeepNesting", FileOf(Repeat("[", 100000), ""), "a list"},
      {"DeepObjects", FileOf(Repeat("{\"a\":", 100000), ""), "unknown key"},
      {"MetadataNotStrings", FileOf(R"({"__metadata__":{"x":1}})", ""), "a number"},
      {"MetadataNested", FileOf(R"({"__metadata__":{"x":{}}})", ""), "an object"},
      {"MetadataTwice", FileOf(R"({"__metadata__":{},"__metadata__":{}})", ""), "is there twice"},
      {"TensorTwice",
       FileOf(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
              R"("a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
              "12345678"),
       "tensor 'a': is there twice"},
      OneTensor("TensorIsNumber", "3", "a number"),
      OneTensor("TensorIsNull", "null", "null"),
      OneTensor("NoDType", R"({"shape":[2],"data_offsets":[0,8]})", "tensor 'a': has no dtype"),
      OneTensor("NoShape", R"({"dtype":"F32","data_offsets":[0,8]})", "has no shape"),
      OneTensor("NoOffsets", R"({"dtype":"F32","shape":[2]})", "has no data_offsets"),
      OneTensor("OneOffset", R"({"dtype":"F32","shape":[2],"data_offsets":[8]})",
                "has no data_offsets of two"),
      OneTensor("UnknownDType", R"({"dtype":"F8","shape":[8],"data_offsets":[0,8]})",
                "unknown dtype 'F8'"),
      OneTensor("DTypeIsNumber", R"({"dtype":32,"shape":[2],"data_offsets":[0,8]})", "a number"),
      OneTensor("DTypeIsList", R"({"dtype":["F32"],"shape":[2],"data_offsets":[0,8]})", "a list"),
      OneTensor("UnknownKey", R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})",
                "unknown key 'x'"),
      OneTensor("KeyTwice", R"({"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})",
                "key 'dtype' is there twice"),
      OneTensor("ShapeIsString", R"({"dtype":"F32","shape":"2","data_offsets":[0,8]})", "a string"),
      OneTensor("ShapeNested", R"({"dtype":"F32","shape":[[2]],"data_offsets":[0,8]})", "a list"),
      OneTensor("NegativeExtent", R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})",
                "a negative number"),
      OneTensor("FractionalExtent", R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})",
                "not an integer"),
      OneTensor("HugeExtent", R"({"dtype":"F32","shape":[1e30],"data_offsets":[0,8]})",
                "not an integer"),
      OneTensor("Extent2To63",
                R"({"dtype":"F32","shape":[9223372036854775808],)"
                R"("data_offsets":[0,8]})",
                "too large"),
      OneTensor("ShapeOverflows",
                R"({"dtype":"F32","shape":[4294967296,4294967296],)"
                R"("data_offsets":[0,8]})",
                "its shape overflows"),
      OneTensor("ShapeOverflowsTo8",
                R"({"dtype":"F64","shape":[2305843009213693953],)"
                R"("data_offsets":[0,8]})",
                "its shape overflows"),
      OneTensor("TooManyExtents",
                R"({"dtype":"U8","shape":[)" + Repeat("1,", 16) + R"(8],"data_offsets":[0,8]})",
                "too long"),
      OneTensor("SizeDiffers", R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})",
                "its shape takes 12 bytes, its data_offsets span 8"),
      OneTensor("OffsetsBackwards", R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})",
                "run backwards"),
      OneTensor("BeyondTheFile", R"({"dtype":"F32","shape":[4],"data_offsets":[0,16]})",
                "tensor 'a': ends at byte 16 of the data, of which the file has 8"),
      OneTensor("FarBeyondTheFile",
                R"({"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,)"
                R"(9223372036854775807]})",
                "of which the file has 8"),
      OneTensor("GapInFront", R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})",
                "starts at byte 4"),
      OneTensor("RestOfTheFile", R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})",
                "tensors end at byte 4 of the data, of which the file has 8"),
      {"Overlap",
       FileOf(R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},)"
              R"("b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
              "12345678"),
       "tensor 'b': overlaps"},
      {"SamePlace",
       FileOf(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
              R"("b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
              "12345678"),
       "overlaps"},
      {"TruncatedData",
       FileOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "1234567"),
       "tensor 'a': ends at byte 8 of the data, of which the file has 7"},
  };
  return *files;
}

class MalformedSafetensorsTest : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedSafetensorsTest, IsDataLossThatSaysFileAndReason) {
  const auto file = OpenBytes(GetParam().bytes);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.status().code(), absl::StatusCode::kDataLoss);
  const std::string message(file.status().message());
  EXPECT_NE(message.find("file.safetensors: "), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
  EXPECT_LT(message.size(), 1000u);
}

INSTANTIATE_TEST_SUITE_P(All, MalformedSafetensorsTest, ::testing::ValuesIn(MalformedFiles()),
                         [](const auto& info) { return std::string(info.param.name); });

// Every cut of a good file, and every change of one byte of its header, is read or refused, never
// more.
TEST(SafetensorsTest, DamageAnywhereIsNoCrash) {
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
  const std::string good = FileOf(header, "abcdefgh");
  ASSERT_TRUE(OpenBytes(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(OpenBytes(good.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  for (size_t at = 0; at < 8 + header.size(); ++at) {
    for (const int change : {1, 2, 16, 128}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ change);
      const auto file = OpenBytes(bad);
      if (file.ok()) {
        for (const auto& [name, tensor] : file->tensors()) {
          EXPECT_TRUE(file->ReadDoubles(name).ok());
        }
      } else {
        EXPECT_EQ(file.status().code(), absl::StatusCode::kDataLoss);
      }
    }
  }
}

}  // namespace
}  // namespace hourglass
