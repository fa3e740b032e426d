#include "coordinator/fusion/pass_order.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/storage/atomic_file.h"
#include "coordinator/fusion/probe_texts.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr char kSchema[] = "kalavai.probe-pass/2";
constexpr char kOrderFile[] = "pass.json";
constexpr char kTokenizerFile[] = "tokenizer.json";
constexpr size_t kNameDigits = 16;
constexpr size_t kListMax = 4096;  // of files and of texts: far more than any plan has

absl::Status Invalid(absl::string_view where, absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_PASS_INVALID",
                   {.what = absl::StrCat("probe pass: ", where, ": ", what),
                    .why = "arrays of another model or text would be taken for this one's",
                    .fix = "copy the whole directory again; on the coordinator's machine the "
                           "fusion writes it anew",
                    .metadata = {{"field", std::string(where)}}});
}

bool IsDigits(absl::string_view text) {
  return text.size() == kNameDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
         });
}

bool IsPassName(absl::string_view name) {
  return name.size() == 2 * kNameDigits + 1 && name[kNameDigits] == '-' &&
         IsDigits(name.substr(0, kNameDigits)) && IsDigits(name.substr(kNameDigits + 1));
}

std::string TextFile(size_t index, absl::string_view format) {
  return absl::StrCat(index, ".", format);
}

std::string TextDirectory(absl::string_view work, absl::string_view name) {
  return absl::StrCat(PassDirectory(work, name), "/text");
}

std::vector<BlobFile> TextFiles(const PassOrder& order) {
  std::vector<BlobFile> files = {{kTokenizerFile, order.tokenizer}};
  for (size_t i = 0; i < order.texts.size(); ++i) {
    files.push_back({TextFile(i, order.texts[i].format), order.texts[i].digest});
  }
  return files;
}

absl::StatusOr<Digest> ReadDigest(const nlohmann::json& object, const char* field) {
  ASSIGN_OR_RETURN(const std::string hex, JsonString(object, field));
  absl::StatusOr<Digest> digest = Digest::FromHex(hex);
  if (!digest.ok()) return Invalid(field, "must be 64 lower-case hexadecimal digits");
  return digest;
}

absl::StatusOr<const nlohmann::json*> ReadArray(const nlohmann::json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_array() || found->empty() || found->size() > kListMax) {
    return Invalid(field, absl::StrCat("must be a list of 1 to ", kListMax));
  }
  return &*found;
}

absl::StatusOr<ProbeMachine> ReadMachine(const nlohmann::json& object) {
  RETURN_IF_ERROR(
      CheckJsonKeys(object, {"arithmetic_version", "device", "products", "program_version",
                             "threads", "torch_version", "vector_level"}));
  ProbeMachine machine;
  ASSIGN_OR_RETURN(machine.arithmetic_version, JsonInt(object, "arithmetic_version"));
  ASSIGN_OR_RETURN(machine.products, JsonString(object, "products"));
  ASSIGN_OR_RETURN(machine.device, JsonString(object, "device"));
  ASSIGN_OR_RETURN(machine.threads, JsonInt(object, "threads"));
  ASSIGN_OR_RETURN(machine.program_version, JsonString(object, "program_version"));
  ASSIGN_OR_RETURN(machine.torch_version, JsonString(object, "torch_version"));
  ASSIGN_OR_RETURN(machine.vector_level, JsonString(object, "vector_level"));
  if (machine.device != "cpu" && machine.device != "cuda") {
    return Invalid("device", "must be cpu or cuda");
  }
  if (machine.threads < 1 || machine.threads > limits::kFusionThreadsMax) {
    return Invalid("threads", absl::StrCat(machine.threads, " found; must be 1 to ",
                                           limits::kFusionThreadsMax));
  }
  return machine;
}

absl::Status ReadFiles(const nlohmann::json& object, PassOrder& order) {
  ASSIGN_OR_RETURN(const nlohmann::json* model, ReadArray(object, "model"));
  for (const nlohmann::json& file : *model) {
    RETURN_IF_ERROR(CheckJsonKeys(file, {"path", "sha256"}));
    BlobFile read;
    ASSIGN_OR_RETURN(read.path, JsonString(file, "path"));
    ASSIGN_OR_RETURN(read.digest, ReadDigest(file, "sha256"));
    if (!IsModelFile(read.path) || read.path.find('/') != std::string::npos) {
      return Invalid("model", "a path is no file of a model");
    }
    order.model.push_back(std::move(read));
  }
  ASSIGN_OR_RETURN(const nlohmann::json* texts, ReadArray(object, "texts"));
  for (const nlohmann::json& text : *texts) {
    RETURN_IF_ERROR(CheckJsonKeys(text, {"domain", "format", "public_class", "sha256"}));
    PassText read;
    ASSIGN_OR_RETURN(read.domain, JsonString(text, "domain"));
    ASSIGN_OR_RETURN(read.format, JsonString(text, "format"));
    ASSIGN_OR_RETURN(read.public_class, JsonBool(text, "public_class"));
    ASSIGN_OR_RETURN(read.digest, ReadDigest(text, "sha256"));
    if (read.format != "jsonl" && read.format != "txt") {
      return Invalid("format", "must be jsonl or txt");
    }
    order.texts.push_back(std::move(read));
  }
  return absl::OkStatus();
}

absl::StatusOr<PassOrder> ReadFields(const nlohmann::json& object) {
  RETURN_IF_ERROR(
      CheckJsonKeys(object, {"chunk_tokens", "features", "machine", "model", "model_digest",
                             "probe_digest", "schema", "texts", "tokenizer"}));
  ASSIGN_OR_RETURN(const std::string schema, JsonString(object, "schema"));
  if (schema != kSchema) return Invalid("schema", absl::StrCat("must be ", kSchema));
  PassOrder order;
  ASSIGN_OR_RETURN(const Digest model, ReadDigest(object, "model_digest"));
  ASSIGN_OR_RETURN(const Digest probe, ReadDigest(object, "probe_digest"));
  order.key.model_digest = model.Hex();
  order.key.probe_digest = probe.Hex();
  ASSIGN_OR_RETURN(order.features, JsonBool(object, "features"));
  ASSIGN_OR_RETURN(order.chunk_tokens, JsonInt(object, "chunk_tokens"));
  if (order.chunk_tokens < limits::kChunkTokensMin ||
      order.chunk_tokens > limits::kChunkTokensMax) {
    return Invalid("chunk_tokens",
                   absl::StrCat(order.chunk_tokens, " found; must be ", limits::kChunkTokensMin,
                                " to ", limits::kChunkTokensMax));
  }
  ASSIGN_OR_RETURN(order.tokenizer, ReadDigest(object, "tokenizer"));
  if (!object.contains("machine")) return Invalid("machine", "must be an object");
  ASSIGN_OR_RETURN(order.machine, ReadMachine(object["machine"]));
  order.key.arithmetic_digest = ArithmeticDigest(order.machine);
  RETURN_IF_ERROR(ReadFiles(object, order));
  return order;
}

absl::Status CheckFiles(const std::string& directory, const std::vector<BlobFile>& files) {
  for (const BlobFile& file : files) {
    const std::string path = absl::StrCat(directory, "/", file.path);
    const absl::StatusOr<Digest> found = Sha256OfFile(path);
    if (found.ok() && *found == file.digest) continue;
    return MakeError(
        absl::StatusCode::kInvalidArgument, "PROBE_PASS_INVALID",
        {.what = absl::StrCat(path, ": ",
                              found.ok() ? absl::StrCat("sha256 ", found->Hex(), " found")
                                         : std::string(found.status().message()),
                              "; must be sha256 ", file.digest.Hex()),
         .why = "arrays of another model or text would be taken for this one's",
         .fix = "copy the whole directory again",
         .metadata = {{"file", file.path}}});
  }
  return absl::OkStatus();
}

// Whether `path` is where this program keeps arrays, with the number of threads in the name.
bool IsOfThisProgram(absl::string_view work, const std::string& path) {
  const std::vector<std::string> words =
      absl::StrSplit(fs::path(path).filename().string(), absl::ByChar('-'));
  int64_t threads = 0;
  if (words.size() < 3 || !absl::SimpleAtoi(words[words.size() - 2], &threads)) return false;
  for (const Device device : {Device::kCpu, Device::kCuda}) {
    if (path == CacheDirectory(work, ThisMachine(device, threads))) return true;
  }
  return false;
}

}  // namespace

std::string PassName(const ProbeCacheKey& key) {
  return absl::StrCat(key.model_digest.substr(0, kNameDigits), "-",
                      key.probe_digest.substr(0, kNameDigits));
}

std::string PassDirectory(absl::string_view work, absl::string_view name) {
  return absl::StrCat(work, "/passes/", name);
}

std::string PassModelDirectory(absl::string_view work, absl::string_view name) {
  return absl::StrCat(PassDirectory(work, name), "/model");
}

std::string CacheDirectory(absl::string_view work, const ProbeMachine& machine) {
  return absl::StrCat(work, "/caches/",
                      machine.device == "cpu" ? "" : absl::StrCat(machine.device, "-"), "threads-",
                      machine.threads, "-", ArithmeticDigest(machine).substr(0, kNameDigits));
}

absl::Status RemoveForeignCaches(const std::string& work) {
  std::vector<std::string> foreign;
  std::error_code error;
  const std::string folder = absl::StrCat(work, "/caches");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string path = it->path().string();
    if (!IsOfThisProgram(work, path)) foreign.push_back(path);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "list", folder);
  }
  for (const std::string& path : foreign) {
    LogInfo("Removed probe arrays of another program or processor", {{"folder", path}});
    fs::remove_all(path, error);
    if (error) return ErrnoError(error.value(), "remove", path);
  }
  return absl::OkStatus();
}

std::string PassCachePath(absl::string_view work, const PassOrder& order) {
  return absl::StrCat(CacheDirectory(work, order.machine), "/", ProbeCacheFileName(order.key));
}

std::string FormatPassOrder(const PassOrder& order) {
  nlohmann::json model = nlohmann::json::array();
  for (const BlobFile& file : order.model) {
    model.push_back({{"path", file.path}, {"sha256", file.digest.Hex()}});
  }
  nlohmann::json texts = nlohmann::json::array();
  for (const PassText& text : order.texts) {
    texts.push_back({{"domain", text.domain},
                     {"public_class", text.public_class},
                     {"format", text.format},
                     {"sha256", text.digest.Hex()}});
  }
  const nlohmann::json object = {{"schema", kSchema},
                                 {"model_digest", order.key.model_digest},
                                 {"probe_digest", order.key.probe_digest},
                                 {"features", order.features},
                                 {"chunk_tokens", order.chunk_tokens},
                                 {"tokenizer", order.tokenizer.Hex()},
                                 {"machine",
                                  {{"device", order.machine.device},
                                   {"threads", order.machine.threads},
                                   {"products", order.machine.products},
                                   {"arithmetic_version", order.machine.arithmetic_version},
                                   {"program_version", order.machine.program_version},
                                   {"torch_version", order.machine.torch_version},
                                   {"vector_level", order.machine.vector_level}}},
                                 {"model", model},
                                 {"texts", texts}};
  return object.dump(2) + "\n";
}

absl::StatusOr<PassOrder> ParsePassOrder(absl::string_view json) {
  const absl::StatusOr<nlohmann::json> object = ReadJson(json);
  if (!object.ok()) return Invalid(kOrderFile, object.status().message());
  absl::StatusOr<PassOrder> order = ReadFields(*object);
  if (GetErrorReason(order.status()) == "JSON_INVALID") {
    return Invalid(kOrderFile, order.status().message());
  }
  return order;
}

absl::Status WritePassOrder(const BlobStore& blobs, const PassOrder& order,
                            const std::string& work) {
  const std::string name = PassName(order.key);
  const std::string path = absl::StrCat(PassDirectory(work, name), "/", kOrderFile);
  const std::string text = FormatPassOrder(order);
  const absl::StatusOr<std::string> found = ReadFileBounded(path, limits::kJsonBytesMax);
  if (found.ok() && *found == text) return absl::OkStatus();
  std::error_code error;
  fs::remove(path, error);  // whoever is at another pass of this name gives up
  if (error) return ErrnoError(error.value(), "remove", path);
  RETURN_IF_ERROR(EnsureDirectory(PassDirectory(work, name), 0700));
  RETURN_IF_ERROR(MaterialiseCheckpoint(blobs, order.model, PassModelDirectory(work, name)));
  RETURN_IF_ERROR(MaterialiseCheckpoint(blobs, TextFiles(order), TextDirectory(work, name)));
  return WriteFileAtomically(path, text, 0600);
}

absl::Status CheckPassStands(const std::string& work, absl::string_view name) {
  std::error_code ignored;
  if (IsPassName(name) &&
      fs::exists(absl::StrCat(PassDirectory(work, name), "/", kOrderFile), ignored)) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kNotFound, "PROBE_PASS_NOT_FOUND",
                   {.what = absl::StrCat("probe pass '", name, "': none of this name in ", work,
                                         "/passes; must be one that a fusion waits for"),
                    .why = "a pass goes when its fusion is over, or when a member leaves",
                    .fix = "'kalavai-coordinator probe list' names those there are",
                    .metadata = {{"pass", std::string(name)}}});
}

absl::StatusOr<PassOrder> ReadPassOrder(const std::string& work, absl::string_view name) {
  RETURN_IF_ERROR(CheckPassStands(work, name));
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFileBounded(absl::StrCat(PassDirectory(work, name), "/", kOrderFile),
                                   limits::kJsonBytesMax));
  ASSIGN_OR_RETURN(PassOrder order, ParsePassOrder(text));
  if (PassName(order.key) != name) {
    return Invalid(name, absl::StrCat("pass.json is of ", PassName(order.key)));
  }
  return order;
}

absl::StatusOr<ProbeText> LoadPassText(const std::string& work, const PassOrder& order) {
  const std::string name = PassName(order.key);
  const std::string directory = TextDirectory(work, name);
  RETURN_IF_ERROR(CheckFiles(PassModelDirectory(work, name), order.model));
  RETURN_IF_ERROR(CheckFiles(directory, TextFiles(order)));
  std::vector<ProbeTextFile> files;
  for (size_t i = 0; i < order.texts.size(); ++i) {
    const PassText& text = order.texts[i];
    files.push_back({.domain = text.domain,
                     .public_class = text.public_class,
                     .format = text.format,
                     .path = absl::StrCat(directory, "/", TextFile(i, text.format))});
  }
  ASSIGN_OR_RETURN(
      ProbeText probe,
      ReadProbeText(files, absl::StrCat(directory, "/", kTokenizerFile), order.chunk_tokens));
  if (probe.digest != order.key.probe_digest) {
    return Invalid("probe_digest",
                   absl::StrCat(probe.digest, " computed; must be ", order.key.probe_digest));
  }
  return probe;
}

absl::StatusOr<std::vector<std::string>> ListPassNames(const std::string& work) {
  std::vector<std::string> names;
  std::error_code error;
  const std::string folder = PassDirectory(work, "");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (CheckPassStands(work, name).ok()) names.push_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return ErrnoError(error.value(), "list", folder);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace kalavai::coordinator
