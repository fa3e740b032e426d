// Goal: no file the reference implementation refuses is accepted, and every defect has its name.
// Method: the golden vectors, whose verdicts the reference and an independent validator gave, and
// a table with one header a defect.
#include "common/safetensors/header.h"

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "common/safetensors/reader.h"
#include "tests/support/allocation_peak.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

std::string DefectOf(const absl::Status& status) {
  const auto detail = GetErrorDetail(status);
  if (!detail.has_value() || !IsSafetensorsError(status)) return "no defect";
  return detail->text.metadata.at("defect");
}

std::string Golden(const std::string& name) {
  return absl::StrCat(KALAVAI_GOLDEN_DIR, "/safetensors/", name);
}

std::string Tensor(const std::string& name, const std::string& fields) {
  return absl::StrCat("\"", name, "\":{", fields, "}");
}

const char kTwoFloats[] = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";

std::string Padded(std::string header) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

TEST_CASE("Every vector gets the verdict of the reference table, in both modes") {
  std::istringstream table(testing::ReadFile(Golden("expected.tsv")));
  std::string line;
  std::getline(table, line);
  int rows = 0;
  while (std::getline(table, line)) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    INFO(line);
    const auto format = SafetensorsFile::Open(Golden(columns[0]), SafetensorsMode::kFormat);
    const auto upload = SafetensorsFile::Open(Golden(columns[0]), SafetensorsMode::kUpload);
    REQUIRE(format.ok() == (columns[1] == "accept"));
    REQUIRE(upload.ok() == (columns[2] == "accept"));
    if (!format.ok()) REQUIRE(DefectOf(format.status()) != "no defect");
    if (!upload.ok()) REQUIRE(DefectOf(upload.status()) != "no defect");
    ++rows;
  }
  REQUIRE(rows == 71);
}

TEST_CASE("Each defect of the format is refused under its name") {
  struct Row {
    std::string defect;
    std::string header;
    int64_t data_size = 8;
  };
  const std::string good = Tensor("a", kTwoFloats);
  const std::vector<Row> rows = {
      {"NOT_UTF8", "{\"\xFF\":{}}"},
      {"NOT_AN_OBJECT", ""},
      {"NOT_AN_OBJECT", " {" + good + "}"},
      {"SYNTAX", "{" + good},
      {"SYNTAX", "{" + good + ",}"},
      {"SYNTAX", R"({"a\x":{}})"},
      {"SYNTAX", R"({"\ud800":{}})"},
      {"SYNTAX", R"({"\udc00":{}})"},
      {"SYNTAX", R"({"a":[")"
                 "F32"
                 R"(",[2],[0,8]]})"},
      {"BAD_PADDING", "{" + good + "}\n"},
      {"BAD_PADDING", "{" + good + "}  {}"},
      {"DUPLICATE_KEY", "{" + good + "," + good + "}"},
      {"DUPLICATE_KEY", "{" + good + "," + Tensor("\\u0061", kTwoFloats) + "}"},
      {"DUPLICATE_KEY", R"({"__metadata__":{"k":"1","\u006b":"2"},)" + good + "}"},
      {"DUPLICATE_KEY", R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})"},
      {"UNKNOWN_FIELD", "{" + Tensor("a", std::string(kTwoFloats) + R"(,"stride":[1])") + "}"},
      {"MISSING_FIELD", R"({"a":{"dtype":"F32","shape":[2]}})"},
      {"UNKNOWN_DTYPE", R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8e0]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}})"},
      {"BAD_INTEGER",
       R"({"a":{"dtype":"F32","shape":[0,18446744073709551616],"data_offsets":[0,0]}})", 0},
      {"BAD_INTEGER",
       R"({"a":{"dtype":"F32","shape":[0,00000000000000000001],"data_offsets":[0,0]}})", 0},
      {"SIZE_OVERFLOW",
       R"({"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}})"},
      {"NOT_CONTIGUOUS",
       R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}})"},
      {"SIZE_MISMATCH",
       R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}})"},
      {"NOT_CONTIGUOUS", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})"},
      {"BAD_OFFSETS", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}})"},
      {"BAD_OFFSETS", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[]}})"},
      {"BAD_INTEGER", R"({"a":{"dtype":"F32","shape":[2,],"data_offsets":[0,8]}})"},
      {"SYNTAX", R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})"},
      {"SYNTAX", R"({"a":{"dtype":"F32" "shape":[2],"data_offsets":[0,8]}})"},
      {"SYNTAX", R"({"a":{"dtype":5,"shape":[2],"data_offsets":[0,8]}})"},
      {"SYNTAX", R"({"a":null})"},
      {"SYNTAX", R"({'a':{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"},
      {"SYNTAX", "{/* */" + good + "}"},
      {"SYNTAX", "{\f" + good + "}"},
      {"SYNTAX", std::string("{\0", 2) + good + "}"},
      {"SYNTAX", "{" + std::string(100'000, '{')},
      {"SYNTAX", R"({"a":)" + std::string(100'000, '[')},
      {"SYNTAX", R"({"__metadata__":null,)" + good + "}"},
      {"SYNTAX", R"({"__metadata__":[],)" + good + "}"},
      {"SYNTAX", R"({"__metadata__":{"k":1},)" + good + "}"},
      {"SYNTAX", R"({"__metadata__":{"k":{}},)" + good + "}"},
      {"SYNTAX", R"({"__metadata__":{"k":null},)" + good + "}"},
      {"NOT_AN_OBJECT", "[]"},
      {"NOT_AN_OBJECT", "null"},
      {"NOT_AN_OBJECT", "\xEF\xBB\xBF{" + good + "}"},
      {"NOT_AN_OBJECT", "\n{" + good + "}"},
      {"NOT_UTF8", "{\"\xC0\xAF\":{}}"},      // overlong
      {"NOT_UTF8", "{\"\xED\xA0\x80\":{}}"},  // an encoded surrogate
      {"BAD_PADDING", "{" + good + "}" + std::string(1, '\0')},
      {"BAD_PADDING", "{" + good + "}\t"},
      {"DUPLICATE_KEY", R"({"__metadata__":{},"__metadata__":{},)" + good + "}"},
      {"DUPLICATE_KEY", R"({"__metadata__":{},"\u005f_metadata__":{},)" + good + "}"},
      {"DUPLICATE_KEY",
       R"({"a":{"dtype":"F32","d\u0074ype":"F32","shape":[2],"data_offsets":[0,8]}})"},
      {"MISSING_FIELD", R"({"a":{"dtype":"F32","data_offsets":[0,8]}})"},
      {"MISSING_FIELD", R"({"a":{"shape":[2],"data_offsets":[0,8]}})"},
      {"MISSING_FIELD", R"({"a":{}})"},
      {"UNKNOWN_DTYPE", R"({"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}})"},
      {"UNKNOWN_DTYPE", R"({"a":{"dtype":"","shape":[2],"data_offsets":[0,8]}})"},
      {"NAME_TOO_LONG", "{" + Tensor(std::string((64 << 10) + 1, 'n'), kTwoFloats) + "}"},
      {"TOO_MANY_DIMENSIONS",
       R"({"a":{"dtype":"F32","shape":[2,1,1,1,1,1,1,1,1],"data_offsets":[0,8]}})"},
      {"BAD_OFFSETS", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})"},
      {"NOT_CONTIGUOUS", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12},
      {"NOT_CONTIGUOUS", "{" + good + "," + Tensor("b", kTwoFloats) + "}"},
      {"SIZE_OVERFLOW",
       R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0},
      {"SIZE_OVERFLOW",
       R"({"a":{"dtype":"F32","shape":[9223372036854775807,3,0],"data_offsets":[0,0]}})", 0},
      {"PARTIAL_BYTE", R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", 1},
      {"SIZE_MISMATCH", R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})"},
      {"SIZE_MISMATCH", R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,8]}})"},
      {"DATA_SIZE_MISMATCH", "{" + good + "}", 9},
      {"DATA_SIZE_MISMATCH", "{" + good + "}", 7},
      {"METADATA_TOO_LARGE",
       R"({"__metadata__":{"k":")" + std::string(1 << 20, 'x') + "\"}," + good + "}"},
  };
  for (const Row& row : rows) {
    INFO(row.header.substr(0, 200));
    const auto header =
        SafetensorsHeader::Parse(row.header, row.data_size, SafetensorsMode::kFormat);
    REQUIRE(header.status().code() == absl::StatusCode::kInvalidArgument);
    REQUIRE(DefectOf(header.status()) == row.defect);
  }
}

TEST_CASE("What the format allows is accepted, however odd") {
  struct Row {
    std::string header;
    int64_t data_size = 8;
  };
  const std::string good = Tensor("a", kTwoFloats);
  const std::vector<Row> rows = {
      {"{}", 0},
      {"{ }      ", 0},
      {R"({"__metadata__":{}})", 0},
      {R"({"__metadata__":{"":""},)" + good + "}"},
      {"{\t\r\n " + good + " \n}"},
      {"{" + Tensor("", kTwoFloats) + "}"},
      {"{" + Tensor("../../etc/passwd", kTwoFloats) + "}"},
      {"{" + Tensor("\\u0000\\n\\u202e", kTwoFloats) + "}"},
      {"{" + Tensor(std::string(64 << 10, 'n'), kTwoFloats) + "}"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,2],"data_offsets":[0,8]}})"},
      // Empty tensors, with dimensions whose product fits 64 bits at every step.
      {R"({"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", 0},
      {R"({"a":{"dtype":"F32","shape":[0,9223372036854775807,9223372036854775807],)"
       R"("data_offsets":[0,0]}})",
       0},
      {R"({"a":{"dtype":"U8","shape":[4294967296,4294967295,0],"data_offsets":[0,0]}})", 0},
      // An empty tensor between two others, and several at one place.
      {R"({"c":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},)"
       R"("b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]},)"
       R"("d":{"dtype":"U8","shape":[2,0],"data_offsets":[4,4]},)"
       R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})"},
  };
  for (const Row& row : rows) {
    INFO(row.header.substr(0, 200));
    REQUIRE_OK(SafetensorsHeader::Parse(row.header, row.data_size, SafetensorsMode::kFormat));
  }
}

TEST_CASE("Every dtype takes exactly its bits") {
  for (int i = 0; i <= static_cast<int>(Dtype::kU64); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    const int64_t size = DtypeBits(dtype);  // bytes of eight elements
    INFO(DtypeName(dtype));
    const auto parse = [&](int64_t elements, int64_t bytes) {
      return DefectOf(SafetensorsHeader::Parse(
                          absl::StrCat(R"({"a":{"dtype":")", DtypeName(dtype), R"(","shape":[)",
                                       elements, R"(],"data_offsets":[0,)", bytes, "]}}"),
                          bytes, SafetensorsMode::kFormat)
                          .status());
    };
    REQUIRE(parse(8, size) == "no defect");
    REQUIRE(parse(8, size - 1) == "SIZE_MISMATCH");
    REQUIRE(parse(8, size + 1) == "SIZE_MISMATCH");
    REQUIRE(parse(8, 0) == "SIZE_MISMATCH");
    REQUIRE(parse(1, (size + 7) / 8) == (size % 8 == 0 ? "no defect" : "PARTIAL_BYTE"));
  }
}

TEST_CASE("A dimension above 2^63-1 is given as it is, and bounded for signed arrays") {
  REQUIRE_OK_AND_ASSIGN(
      const SafetensorsHeader header,
      SafetensorsHeader::Parse(
          R"({"a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", 0,
          SafetensorsMode::kFormat));
  const TensorShape& shape = header.tensors()[0].shape;
  REQUIRE(shape[1] == ~uint64_t{0});
  REQUIRE(shape.Signed() == std::vector<int64_t>{0, INT64_MAX});
  REQUIRE_FALSE(shape == std::vector<int64_t>{0, -1});
  REQUIRE(header.tensors()[0].ElementCount() == 0);
}

TEST_CASE("An error gives the place, what was found and what is allowed") {
  const auto header = SafetensorsHeader::Parse(
      R"({"a\n":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8, SafetensorsMode::kFormat);
  const auto detail = GetErrorDetail(header.status());
  REQUIRE(detail.has_value());
  REQUIRE(detail->reason == "SAFETENSORS_SHAPE");
  REQUIRE(detail->text.metadata.at("tensor") == "a\\n");
  REQUIRE(detail->text.metadata.at("offset") == "1");
  REQUIRE(detail->text.what ==
          "tensor 'a\\n', header byte 1: data_offsets of 8 bytes found; must span 12, the size of "
          "F32 [3]");
}

TEST_CASE("An upload is held to more than the format") {
  struct Row {
    std::string defect;
    std::string header;
    int64_t data_size = 8;
  };
  const std::vector<Row> rows = {
      {"UPLOAD_DTYPE", Padded(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})")},
      {"UPLOAD_NAME", Padded("{" + Tensor("../a", kTwoFloats) + "}")},
      {"UPLOAD_NAME", Padded("{" + Tensor("", kTwoFloats) + "}")},
      {"UPLOAD_NAME", Padded("{" + Tensor(std::string(513, 'a'), kTwoFloats) + "}")},
      {"UPLOAD_ALIGNMENT", Padded("{" + Tensor("a", kTwoFloats) + "}") + " "},
      {"UPLOAD_ALIGNMENT",
       Padded(R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},)"
              R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})"),
       6},
      {"UPLOAD_EMPTY_TENSOR", Padded(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})"),
       0},
      {"UPLOAD_NO_TENSORS", Padded("{}"), 0},
  };
  for (const Row& row : rows) {
    INFO(row.header.substr(0, 200));
    const auto header =
        SafetensorsHeader::Parse(row.header, row.data_size, SafetensorsMode::kUpload);
    REQUIRE(header.status().code() == absl::StatusCode::kInvalidArgument);
    REQUIRE(DefectOf(header.status()) == row.defect);
  }
  const std::string good = Padded("{" + Tensor("model.norm.weight", kTwoFloats) + "}");
  REQUIRE_OK(SafetensorsHeader::Parse(good, 8, SafetensorsMode::kUpload));
}

TEST_CASE("A header gives its tensors by offset and by name") {
  const std::string text =
      R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
      R"("__metadata__":{"format":"pt"},)"
      R"( "a\u00e9\ud83d\ude00" : {"data_offsets":[0,4],"shape":[],"dtype":"F32"}}   )";
  REQUIRE_OK_AND_ASSIGN(const SafetensorsHeader header,
                        SafetensorsHeader::Parse(text, 16, SafetensorsMode::kFormat));
  REQUIRE(header.tensors().size() == 2);
  REQUIRE(header.tensors()[0].name == "a\xC3\xA9\xF0\x9F\x98\x80");
  REQUIRE(header.tensors()[0].ElementCount() == 1);
  const TensorInfo* b = header.Find("b");
  REQUIRE(b == &header.tensors()[1]);
  REQUIRE(b->dtype == Dtype::kBF16);
  REQUIRE(b->shape == std::vector<int64_t>{2, 3});
  REQUIRE(b->ElementCount() == 6);
  REQUIRE(header.Find("c") == nullptr);
  REQUIRE(header.metadata().at("format") == "pt");
}

TEST_CASE("The length of a header is checked before the header is read") {
  const auto prefix = [](uint64_t length) {
    std::string bytes;
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<char>((length >> (8 * i)) & 0xFF));
    return bytes;
  };
  const auto defect = [&](uint64_t length, int64_t file_size, SafetensorsMode mode) {
    return DefectOf(SafetensorsHeader::Length(prefix(length), file_size, mode).status());
  };
  REQUIRE(defect(2, 7, SafetensorsMode::kFormat) == "FILE_TOO_SHORT");
  REQUIRE(defect(2, 9, SafetensorsMode::kFormat) == "HEADER_PAST_END");
  REQUIRE(defect(~uint64_t{0}, 100, SafetensorsMode::kFormat) == "HEADER_TOO_LARGE");
  REQUIRE(defect(100'000'001, int64_t{1} << 40, SafetensorsMode::kFormat) == "HEADER_TOO_LARGE");
  REQUIRE(defect((16 << 20) + 1, int64_t{1} << 40, SafetensorsMode::kUpload) == "HEADER_TOO_LARGE");
  REQUIRE_OK_AND_ASSIGN(const int64_t length,
                        SafetensorsHeader::Length(prefix(2), 10, SafetensorsMode::kUpload));
  REQUIRE(length == 2);
}

TEST_CASE("A header cut at any byte is refused") {
  const std::string text = "{" + Tensor("a", kTwoFloats) + "}";
  for (size_t size = 0; size < text.size(); ++size) {
    INFO(size);
    REQUIRE_FALSE(SafetensorsHeader::Parse(text.substr(0, size), 8, SafetensorsMode::kFormat).ok());
  }
}

// The three texts that need most memory for their length: short entries, many dimensions, names.
std::string LargeHeader(int64_t tensors, const std::string& name, const std::string& shape) {
  std::string text = "{";
  for (int64_t i = 0; i < tensors; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",", "\"", name, i, R"(":{"dtype":"U8","shape":)", shape,
                    R"(,"data_offsets":[)", i, ",", i + 1, "]}");
  }
  return text + "}";
}

TEST_CASE("A header of 100,000 tensors needs less than five times its size") {
  const int64_t tensors = 100'000;
  for (const std::string& text :
       {LargeHeader(tensors, "", "[]"), LargeHeader(tensors, "", "[1,1,1,1,1,1,1,1]"),
        LargeHeader(tensors, "model.layers.0.self_attn.q_proj.weight.", "[1]")}) {
    INFO(text.substr(0, 100));
    const testing::AllocationPeak peak;
    REQUIRE_OK_AND_ASSIGN(const SafetensorsHeader header,
                          SafetensorsHeader::Parse(text, tensors, SafetensorsMode::kFormat));
    REQUIRE(peak.Bytes() < 5 * static_cast<int64_t>(text.size()));
    REQUIRE(peak.Bytes() > static_cast<int64_t>(text.size()));  // the counter counts
    REQUIRE(header.tensors().size() == 100'000);
    const std::string last(header.tensors().back().name);
    REQUIRE(header.Find(last)->begin == 99'999);
  }
}

TEST_CASE("Hostile headers need no more memory than honest ones") {
  const std::vector<std::string> rows = {
      std::string(1 << 20, '{'),
      "{\"" + std::string(1 << 20, '{') + "\":",
      R"({"a":{"shape":[)" + std::string(1 << 20, '1'),
      "{" + Tensor(std::string(1 << 20, 'n'), kTwoFloats),
  };
  for (const std::string& text : rows) {
    INFO(text.substr(0, 40));
    const testing::AllocationPeak peak;
    REQUIRE_FALSE(SafetensorsHeader::Parse(text, 8, SafetensorsMode::kFormat).ok());
    REQUIRE(peak.Bytes() < 5 * static_cast<int64_t>(text.size()));
  }
}

}  // namespace
}  // namespace kalavai
