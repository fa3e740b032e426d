// Goal: `kalavai evaluate` and `kalavai generate` answer for every family, without a workspace, and
// refuse what is wrong with a model, a text or a prompt by name, with what was found and expected,
// and leave nothing behind. Method: the program as a process over tiny checkpoints of each family;
// a table of edits of their files, made on the bytes and not with our own writer.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "common/model/model_config.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ProcessResult;
using testing::ReadFile;
using testing::WriteFile;

const Family kFamilies[] = {Family::kGptNeox, Family::kLlama, Family::kQwen2};

ProcessResult Run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {absl::StrCat(KALAVAI_PROGRAMS, "/kalavai")});
  arguments.insert(arguments.end(), {"--threads", "1", "--format", "json"});
  return testing::RunProcess(arguments);
}

// A safetensors file in parts: eight bytes of length, a header in JSON, data.
struct RawTensors {
  explicit RawTensors(const std::string& path) {
    const std::string bytes = ReadFile(path);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    header = json::parse(bytes.substr(8, length));
    data = bytes.substr(8 + length);
  }
  void Write(const std::string& path) const {
    const std::string text = header.dump();
    const uint64_t length = (text.size() + 7) / 8 * 8;
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    WriteFile(path, absl::StrCat(bytes, text, std::string(length - text.size(), ' '), data));
  }
  json header;
  std::string data;
};

class Site {
 public:
  explicit Site(Family family)
      : norm_(family == Family::kGptNeox ? "gpt_neox.final_layer_norm.weight"
                                         : "model.norm.weight") {
    testing::WriteTinyBase(Model(), 7, /*bfloat16=*/false, family);
    WriteFile(File("a.txt"), testing::TinyText(0, 30));
    WriteFile(File("b.txt"), testing::TinyText(1, 30));
  }
  std::string File(const std::string& name) const { return directory_.File(name); }
  std::string Model() const { return directory_.File("model"); }
  std::string Weights() const { return directory_.File("model/model.safetensors"); }
  const std::string& norm() const { return norm_; }
  void SetField(const std::string& field, const json& value) const {
    json config = json::parse(ReadFile(File("model/config.json")));
    config[field] = value;
    WriteFile(File("model/config.json"), config.dump());
  }
  std::set<std::string> Listing() const {
    std::set<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      names.insert(entry.path().string());
    }
    return names;
  }

 private:
  testing::TempDir directory_;
  const std::string norm_;  // a tensor every family has: 32 numbers
};

// The command ends with `code`, nothing on standard output, the reason, and all of `words` in its
// message or fix; no file appears.
void RequireRefused(const Site& site, const std::vector<std::string>& arguments, int code,
                    const std::string& reason, const std::vector<std::string>& words) {
  INFO(absl::StrJoin(arguments, " "));
  const std::set<std::string> before = site.Listing();
  const ProcessResult result = Run(arguments);
  INFO(result.error);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  const json error = json::parse(result.error, nullptr, /*allow_exceptions=*/false);
  REQUIRE(error.is_object());
  CHECK(error.at("reason") == reason);
  const std::string said =
      absl::StrCat(error.at("message").get<std::string>(), error.at("fix").get<std::string>());
  for (const std::string& word : words) {
    INFO(word);
    CHECK(absl::StrContains(said, word));
  }
  CHECK(site.Listing() == before);
}

TEST_CASE("Every family is measured and goes on with a text", "[local_models]") {
  for (const Family family : kFamilies) {
    INFO(NameOf(family));
    const Site site(family);
    const auto evaluate = [&](const std::vector<std::string>& more) {
      std::vector<std::string> arguments = {"evaluate",
                                            "--model",
                                            site.Model(),
                                            "--data",
                                            "a=" + site.File("a.txt"),
                                            "--data",
                                            "b=" + site.File("b.txt"),
                                            "--sequence-length",
                                            "32"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      const ProcessResult result = Run(arguments);
      INFO(result.error);
      REQUIRE(result.code == 0);
      return json::parse(result.out);
    };
    const json all = evaluate({"--packing", "reference"});
    REQUIRE(all.size() == 2);
    const double a = all.at("domains").at("a").at("loss");
    const double b = all.at("domains").at("b").at("loss");
    REQUIRE_NEAR(a, std::log(290.0), 0.3);  // fresh weights guess
    REQUIRE_NEAR(all.at("ew").get<double>(), (a + b) / 2, 1e-12);
    CHECK(all.at("domains").at("a").size() == 3);
    const json few = evaluate({"--packing", "reference", "--max-chunks", "3"});
    CHECK(few.at("domains").at("b").at("tokens") == 3 * 31);
    const json half = evaluate({"--packing", "reference", "--dtype", "bfloat16"});
    const double difference = std::abs(half.at("domains").at("a").at("loss").get<double>() - a);
    CHECK(difference < 0.05);
    CHECK(difference > 0);
    CHECK(evaluate({}) == evaluate({"--packing", "training"}));

    const std::vector<std::string> generate = {"generate", "--model",      site.Model(), "--prompt",
                                               "no 3 :",   "--max-tokens", "9"};
    const ProcessResult answer = Run(generate);
    INFO(answer.error);
    REQUIRE(answer.code == 0);
    const json object = json::parse(answer.out);
    CHECK(object.at("usage").at("completion_tokens") == object.at("token_ids").size());
    CHECK(object.at("token_ids").size() <= 9);
    CHECK(Run(generate).out == answer.out);
  }
}

TEST_CASE("What is wrong with a model is refused by both commands", "[local_models]") {
  struct Row {
    std::string name;
    std::function<void(const Site&)> edit;
    std::string reason;
    std::vector<std::string> words;
  };
  const auto rename = [](const std::string& to) {
    return [to](const Site& site) {
      RawTensors tensors(site.Weights());
      const json entry = tensors.header.at(site.norm());
      if (to.empty()) {
        // A surplus tensor behind the others.
        const auto end = tensors.data.size();
        tensors.header["surplus.weight"] = {
            {"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {end, end + 8}}};
        tensors.data += std::string(8, '\0');
      } else {
        tensors.header.erase(site.norm());
        tensors.header[to] = entry;
      }
      tensors.Write(site.Weights());
    };
  };
  const auto put_number = [](float number) {
    return [number](const Site& site) {
      RawTensors tensors(site.Weights());
      const size_t at = tensors.header.at(site.norm()).at("data_offsets").at(0);
      std::memcpy(tensors.data.data() + at + 4 * 5, &number, sizeof number);
      tensors.Write(site.Weights());
    };
  };
  const auto field = [](const char* name, const json& value) {
    return [name, value](const Site& site) { site.SetField(name, value); };
  };
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<Row> rows = {
      {"shapes", field("intermediate_size", 65), "WEIGHTS_INVALID", {"64", "65"}},
      {"missing", rename("other.weight"), "WEIGHTS_INVALID", {"weight"}},
      {"surplus", rename(""), "WEIGHTS_INVALID", {"surplus.weight"}},
      {"architecture", field("model_type", "mamba"), "MODEL_UNSUPPORTED", {"mamba", "llama"}},
      {"vocabulary", field("vocab_size", 280), "TOKENIZER_MISMATCH", {"290", "280"}},
      {"NaN", put_number(std::nanf("")), "WEIGHTS_NOT_FINITE", {"weight"}},
      {"infinity", put_number(infinity), "WEIGHTS_NOT_FINITE", {"weight"}},
      {"heads", field("num_attention_heads", 5), "MODEL_CONFIG_INVALID", {"5"}},
      {"no tokenizer",
       [](const Site& site) { fs::remove(site.File("model/tokenizer.json")); },
       "FILE_NOT_FOUND",
       {"tokenizer.json"}},
      {"no weights", [](const Site& site) { fs::remove(site.Weights()); }, "CHECKPOINT_FORM", {}},
      {"cut off",
       [](const Site& site) { fs::resize_file(site.Weights(), 5000); },
       "SAFETENSORS_DATA_SIZE",
       {}},
      {"no directory",
       [](const Site& site) { fs::remove_all(site.Model()); },
       "FILE_NOT_FOUND",
       {"model"}},
  };
  for (const Family family : kFamilies) {
    for (const Row& row : rows) {
      INFO(NameOf(family) << ", " << row.name);
      const Site site(family);
      row.edit(site);
      RequireRefused(site,
                     {"evaluate", "--model", site.Model(), "--data", "a=" + site.File("a.txt"),
                      "--sequence-length", "32"},
                     1, row.reason, row.words);
      RequireRefused(site, {"generate", "--model", site.Model(), "--prompt", "no"}, 1, row.reason,
                     row.words);
    }
  }
}

TEST_CASE("What is wrong with a text is refused", "[local_models]") {
  const Site site(Family::kLlama);
  WriteFile(site.File("empty.txt"), "");
  WriteFile(site.File("blank.jsonl"), "{\"text\": \" \"}\n");
  WriteFile(site.File("latin1.txt"), "caf\xe9 au lait\n");
  WriteFile(site.File("short.txt"), "no 1 :");
  WriteFile(site.File("field.jsonl"), "{\"text\": \"x\"}\n{\"txt\": \"y\"}\n");
  WriteFile(site.File("notes.md"), "text");
  fs::create_directories(site.File("none"));
  struct Row {
    std::vector<std::string> more;
    int code;
    std::string reason;
    std::vector<std::string> words;
  };
  const std::string a = "a=" + site.File("a.txt");
  const std::vector<Row> rows = {
      {{"--data", "e=" + site.File("empty.txt")}, 1, "TEXT_EMPTY", {"empty.txt"}},
      {{"--data", "e=" + site.File("blank.jsonl")}, 1, "TEXT_EMPTY", {"blank.jsonl"}},
      {{"--data", "e=" + site.File("latin1.txt")}, 1, "TEXT_NOT_UTF8", {"latin1.txt", "3"}},
      {{"--data", "e=" + site.File("short.txt")}, 1, "TOO_LITTLE_TEXT", {"e", "32"}},
      {{"--data", "e=" + site.File("field.jsonl")}, 1, "JSON_INVALID", {"line 2", "text"}},
      {{"--data", "e=" + site.File("notes.md")}, 1, "FILE_TYPE_UNSUPPORTED", {".txt", ".jsonl"}},
      {{"--data", "e=" + site.File("absent.txt")}, 1, "FILE_NOT_FOUND", {"absent.txt"}},
      {{"--data", "e=" + site.File("none")}, 1, "TEXT_EMPTY", {"none"}},
      {{"--data", site.File("a.txt")}, 2, "USAGE", {"NAME=PATH", "--data a="}},
      {{"--data", "=" + site.File("a.txt")}, 2, "USAGE", {"NAME=PATH"}},
      {{"--data", "a="}, 2, "USAGE", {"NAME=PATH"}},
      {{"--data", a, "--data", a}, 2, "USAGE", {"a=", "twice"}},
      {{"--data", a, "--dtype", "float16"}, 2, "USAGE", {"float16", "bfloat16"}},
      {{"--data", a, "--packing", "refrence"}, 2, "USAGE", {"refrence", "reference"}},
      {{"--data", a, "--max-chunks", "-1"}, 2, "USAGE", {"--max-chunks"}},
      {{"--data", a, "--sequence-length", "65"}, 1, "CONTEXT_EXCEEDED", {"65", "64"}},
      {{"--data", a, "--sequence-length", "1"}, 2, "USAGE", {"--sequence-length", "1"}},
      {{}, 2, "USAGE", {"--data NAME=PATH"}},
  };
  for (const char* packing : {"training", "reference"}) {
    for (const Row& row : rows) {
      std::vector<std::string> arguments = {"evaluate", "--model", site.Model()};
      const bool has_length = absl::StrContains(absl::StrJoin(row.more, " "), "--sequence-length");
      if (!has_length) arguments.insert(arguments.end(), {"--sequence-length", "32"});
      const bool has_packing = absl::StrContains(absl::StrJoin(row.more, " "), "--packing");
      if (!has_packing) arguments.insert(arguments.end(), {"--packing", packing});
      arguments.insert(arguments.end(), row.more.begin(), row.more.end());
      RequireRefused(site, arguments, row.code, row.reason, row.words);
    }
  }
}

TEST_CASE("What is wrong with a prompt is refused", "[local_models]") {
  const Site site(Family::kQwen2);
  WriteFile(site.File("latin1.txt"), "caf\xe9 au lait\n");
  WriteFile(site.File("empty.txt"), "");
  std::string long_prompt;
  for (int i = 0; i < 100; ++i) long_prompt += "@";
  struct Row {
    std::vector<std::string> more;
    int code;
    std::string reason;
    std::vector<std::string> words;
  };
  const std::vector<Row> rows = {
      {{"--prompt", ""}, 1, "PROMPT_EMPTY", {"prompt"}},
      {{"--prompt-file", site.File("empty.txt")}, 1, "PROMPT_EMPTY", {"prompt"}},
      {{"--prompt", "ab\xff"}, 1, "TEXT_NOT_UTF8", {"prompt", "2"}},
      {{"--prompt-file", site.File("latin1.txt")}, 1, "TEXT_NOT_UTF8", {"latin1.txt", "3"}},
      {{"--prompt-file", site.File("absent.txt")}, 1, "FILE_NOT_FOUND", {"absent.txt"}},
      {{"--prompt", long_prompt}, 1, "CONTEXT_EXCEEDED", {"100 tokens", "63"}},
      {{}, 2, "USAGE", {"--prompt TEXT"}},
      {{"--prompt", "x", "--prompt-file", "-"}, 2, "USAGE", {"--prompt-file"}},
      {{"--prompt", "x", "--max-tokens", "0"}, 2, "USAGE", {"--max-tokens", "0"}},
      {{"--prompt", "x", "--temperature", "-1"}, 2, "USAGE", {"--temperature", "-1"}},
      {{"--prompt", "x", "--top-p", "0"}, 2, "USAGE", {"--top-p", "0"}},
      {{"--prompt", "x", "--top-k", "-3"}, 2, "USAGE", {"--top-k", "-3"}},
      {{"--prompt", "x", "--dtype", "bf16"}, 2, "USAGE", {"bf16", "bfloat16"}},
  };
  for (const Row& row : rows) {
    std::vector<std::string> arguments = {"generate", "--model", site.Model()};
    arguments.insert(arguments.end(), row.more.begin(), row.more.end());
    RequireRefused(site, arguments, row.code, row.reason, row.words);
  }
}

}  // namespace
}  // namespace kalavai
