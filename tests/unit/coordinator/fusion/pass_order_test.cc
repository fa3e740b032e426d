// Goal: an ordered pass is read as it was written, stands until it is removed, and is refused when
// anything of it is another's or damaged. Method: a tiny base and text as blobs; a table of spoiled
// descriptions, files changed one by one.
#include "coordinator/fusion/pass_order.h"

#include <filesystem>
#include <functional>
#include <set>

#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"

#include "common/base/limits.h"
#include "tests/support/catch.h"
#include "tests/unit/coordinator/fusion/pass_fixture.h"

namespace kalavai::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

TEST_CASE("An order is read as it was written, with the text it names", "[fusion]") {
  OrderedPass pass;
  pass.order.features = true;
  CHECK(ListPassNames(pass.work).value().empty());
  pass.Write();
  REQUIRE_OK_AND_ASSIGN(const PassOrder read, ReadPassOrder(pass.work, pass.Name()));
  CHECK(read.key == pass.order.key);
  CHECK(read.features);
  CHECK(read.chunk_tokens == 32);
  CHECK(read.machine == pass.order.machine);
  CHECK(read.texts == pass.order.texts);
  CHECK(read.tokenizer == pass.order.tokenizer);
  CHECK(FormatPassOrder(read) == FormatPassOrder(pass.order));
  CHECK(LoadPassText(pass.work, read).value().digest == pass.probe.digest);
  CHECK(ListPassNames(pass.work).value() == std::vector<std::string>{pass.Name()});
  CHECK(fs::equivalent(pass.File("model/model.safetensors"),
                       pass.blobs->Path(pass.order.model[1].digest)));

  // The same order leaves the directory alone; another one of the name makes it anew.
  testing::WriteFile(pass.File("model/mark"), "");
  pass.Write();
  CHECK(fs::exists(pass.File("model/mark")));
  pass.order.machine.threads = 2;
  pass.Write();
  CHECK_FALSE(fs::exists(pass.File("model/mark")));
  CHECK(ReadPassOrder(pass.work, pass.Name()).value().machine.threads == 2);

  fs::remove(pass.File("pass.json"));
  CHECK(ListPassNames(pass.work).value().empty());
}

TEST_CASE("Caches of anything that computes other last bits lie elsewhere", "[fusion]") {
  OrderedPass pass;
  const auto digits = [&] { return ArithmeticDigest(pass.order.machine).substr(0, 16); };
  const std::string file = "/" + pass.Name() + ".probe.safetensors";
  CHECK(PassCachePath("w", pass.order) == "w/caches/threads-1-" + digits() + file);
  const std::vector<std::function<void(ProbeMachine&)>> changes = {
      [](ProbeMachine& m) { m.device = "cuda"; },
      [](ProbeMachine& m) { m.threads = 4; },
      [](ProbeMachine& m) { m.products = "bfloat16"; },
      [](ProbeMachine& m) { ++m.arithmetic_version; },
      [](ProbeMachine& m) { m.program_version = "0.0.1"; },
      [](ProbeMachine& m) { m.torch_version = "1.0"; },
      [](ProbeMachine& m) { m.vector_level = "ABACUS"; }};
  std::set<std::string> folders = {CacheDirectory("w", pass.order.machine)};
  for (const auto& change : changes) {
    ProbeMachine machine = pass.order.machine;
    change(machine);
    folders.insert(CacheDirectory("w", machine));
  }
  CHECK(folders.size() == changes.size() + 1);
  pass.order.machine.device = "cuda";
  CHECK(PassCachePath("w", pass.order) == "w/caches/cuda-threads-1-" + digits() + file);
}

TEST_CASE("Arrays of another program or processor are removed, this one's are kept", "[fusion]") {
  const testing::TempDir temp;
  const std::string work = temp.File("fusions");
  REQUIRE_OK(RemoveForeignCaches(work));  // nothing was ever probed
  const std::string mine = CacheDirectory(work, ThisMachine(Device::kCpu, 2));
  ProbeMachine machine = ThisMachine(Device::kCpu, 2);
  ++machine.arithmetic_version;
  const std::vector<std::string> foreign = {
      CacheDirectory(work, machine), work + "/caches/threads-2", work + "/caches/threads-x-",
      work + "/caches/" + fs::path(mine).filename().string() + "0"};
  fs::create_directories(mine);
  for (const std::string& folder : foreign) {
    fs::create_directories(folder);
    testing::WriteFile(folder + "/a-b.probe.safetensors", "x");
  }
  REQUIRE_OK(RemoveForeignCaches(work));
  CHECK(fs::exists(mine));
  for (const std::string& folder : foreign) CHECK_FALSE(fs::exists(folder));
}

TEST_CASE("A name that is none, or of no pass, is not found", "[fusion]") {
  const OrderedPass pass;
  pass.Write();
  const std::string digits = "0123456789abcdef";
  for (const std::string& name :
       {std::string(), std::string("."), std::string("../passes/") + pass.Name(), pass.Name() + "/",
        digits + "-" + digits, digits + "-" + std::string(16, 'A'), std::string(33, '-'),
        pass.Name() + std::string(1, '\0')}) {
    INFO(name);
    REQUIRE_STATUS(ReadPassOrder(pass.work, name), absl::StatusCode::kNotFound,
                   "PROBE_PASS_NOT_FOUND");
    CHECK_FALSE(CheckPassStands(pass.work, name).ok());
  }
  fs::create_directories(PassDirectory(pass.work, digits + "-" + digits));
  fs::copy(pass.File("pass.json"), PassDirectory(pass.work, digits + "-" + digits));
  REQUIRE_STATUS(ReadPassOrder(pass.work, digits + "-" + digits),
                 absl::StatusCode::kInvalidArgument, "PROBE_PASS_INVALID");
}

TEST_CASE("A spoiled description is refused", "[fusion]") {
  const OrderedPass pass;
  const json good = json::parse(FormatPassOrder(pass.order));
  const std::vector<std::function<void(json&)>> spoils = {
      [](json& o) { o["schema"] = "kalavai.probe-pass/1"; },
      [](json& o) { o.erase("schema"); },
      [](json& o) { o["more"] = 1; },
      [](json& o) { o["model_digest"] = std::string(64, 'A'); },
      [](json& o) { o["probe_digest"] = "ab"; },
      [](json& o) { o["features"] = 1; },
      [](json& o) { o["chunk_tokens"] = 1.5; },
      [](json& o) { o["chunk_tokens"] = limits::kChunkTokensMin - 1; },
      [](json& o) { o["chunk_tokens"] = limits::kChunkTokensMax + 1; },
      [](json& o) { o["chunk_tokens"] = INT64_MIN; },
      [](json& o) { o["chunk_tokens"] = INT64_MAX; },
      [](json& o) { o.erase("machine"); },
      [](json& o) { o["machine"] = 5; },
      [](json& o) { o["machine"]["threads"] = 0; },
      [](json& o) { o["machine"]["threads"] = INT64_MIN; },
      [](json& o) { o["machine"]["threads"] = 1025; },
      [](json& o) { o["machine"]["device"] = "tpu"; },
      [](json& o) { o["machine"].erase("vector_level"); },
      [](json& o) { o["machine"].erase("arithmetic_version"); },
      [](json& o) { o["machine"]["arithmetic_version"] = "1"; },
      [](json& o) { o["machine"]["products"] = 32; },
      [](json& o) { o["model"] = json::array(); },
      [](json& o) { o["model"] = json::object(); },
      [](json& o) { o["model"][0]["path"] = "../config.json"; },
      [](json& o) { o["model"][0]["path"] = "a/b.safetensors"; },
      [](json& o) { o["model"][0]["path"] = "run.sh"; },
      [](json& o) { o["model"][0]["sha256"] = nullptr; },
      [](json& o) { o["model"][0] = 5; },
      [](json& o) { o["texts"] = json::array(); },
      [](json& o) { o["texts"][0]["format"] = "../txt"; },
      [](json& o) { o["texts"][0].erase("public_class"); },
      [](json& o) { o["tokenizer"] = ""; },
  };
  REQUIRE_OK(ParsePassOrder(good.dump()));
  for (size_t i = 0; i < spoils.size(); ++i) {
    INFO(i);
    json bad = good;
    spoils[i](bad);
    REQUIRE_STATUS(ParsePassOrder(bad.dump()), absl::StatusCode::kInvalidArgument,
                   "PROBE_PASS_INVALID");
  }
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{"),
                                  good.dump() + "x", good.dump().substr(1)}) {
    REQUIRE_STATUS(ParsePassOrder(text), absl::StatusCode::kInvalidArgument, "PROBE_PASS_INVALID");
  }
}

TEST_CASE("A file that is missing or another's is named", "[fusion]") {
  const OrderedPass pass;
  for (const char* const file :
       {"model/config.json", "model/model.safetensors", "model/tokenizer.json", "text/0.txt",
        "text/1.txt", "text/tokenizer.json"}) {
    for (const bool missing : {true, false}) {
      INFO(file << " " << missing);
      fs::remove_all(pass.work);
      pass.Write();
      fs::remove(pass.File(file));  // a link: the blob stays
      if (!missing) testing::WriteFile(pass.File(file), "other");
      const auto text = LoadPassText(pass.work, pass.order);
      REQUIRE_STATUS(text, absl::StatusCode::kInvalidArgument, "PROBE_PASS_INVALID");
      CHECK(GetErrorDetail(text.status())->text.metadata.at("file") ==
            fs::path(file).filename().string());
    }
  }
  OrderedPass other;
  other.order.key.probe_digest = std::string(64, '0');
  other.Write();
  REQUIRE_STATUS(LoadPassText(other.work, other.order), absl::StatusCode::kInvalidArgument,
                 "PROBE_PASS_INVALID");
}

}  // namespace
}  // namespace kalavai::coordinator
