#include "tests/support/crash_image.h"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/support/temp_dir.h"

namespace kalavai::testing {
namespace {

using Kind = FileCall::Kind;

void Apply(const FileCall& change, size_t bytes_max, std::string& bytes) {
  const auto offset = static_cast<size_t>(change.offset);
  if (change.kind == Kind::kTruncate) return bytes.resize(offset);
  const size_t count = std::min(bytes_max, change.bytes.size());
  bytes.resize(std::max(bytes.size(), offset + count));
  bytes.replace(offset, count, change.bytes, 0, count);
}

struct Node {
  bool directory = false;
  std::string bytes = {};                 // of a file: safe
  std::vector<FileCall> unsynced = {};    // of a file: since then
  std::map<std::string, int> names = {};  // of a directory: as the program sees it
  std::map<std::string, int> safe_names = {};
  std::set<std::string> moved_away =
      {};  // of a directory: names gone by rename since the last sync
};

class Disk {
 public:
  explicit Disk(std::string root) : root_(std::move(root)) {
    nodes_.push_back({.directory = true});
  }

  void Replay(const FileCall& call) {
    switch (call.kind) {
      case Kind::kCreate:
      case Kind::kMkdir:
        nodes_.push_back({.directory = call.kind == Kind::kMkdir});
        Parent(call.path).names[Base(call.path)] = static_cast<int>(nodes_.size()) - 1;
        break;
      case Kind::kWrite:
      case Kind::kTruncate:
        if (Node* const node = Find(call.path)) node->unsynced.push_back(call);
        break;
      case Kind::kSync:
        if (Node* const node = Find(call.path)) Sync(*node);
        break;
      case Kind::kRename: {
        const int moved = Parent(call.path).names.at(Base(call.path));
        Parent(call.path).names.erase(Base(call.path));
        Parent(call.path).moved_away.insert(Base(call.path));
        Parent(call.target).names[Base(call.target)] = moved;
        break;
      }
      case Kind::kLink:
        Parent(call.target).names[Base(call.target)] = Parent(call.path).names.at(Base(call.path));
        break;
      case Kind::kRemove:
        Parent(call.path).names.erase(Base(call.path));
        break;
    }
  }

  void Write(CrashLoss loss, uint64_t seed, const std::string& image) const {
    std::mt19937_64 random(seed);
    WriteDirectory(nodes_[0], loss, random, image);
  }

 private:
  static std::string Base(const std::string& path) {
    return std::filesystem::path(path).filename().string();
  }

  static void Sync(Node& node) {
    for (const FileCall& change : node.unsynced) Apply(change, SIZE_MAX, node.bytes);
    node.unsynced.clear();
    node.safe_names = node.names;
    node.moved_away.clear();
  }

  // nullptr: removed meanwhile, still open.
  Node* Find(const std::string& path) {
    if (path == root_) return &nodes_[0];
    int node = 0;
    for (const auto& part : std::filesystem::path(path).lexically_relative(root_)) {
      const auto& names = nodes_[static_cast<size_t>(node)].names;
      const auto found = names.find(part.string());
      if (found == names.end()) return nullptr;
      node = found->second;
    }
    return &nodes_[static_cast<size_t>(node)];
  }

  Node& Parent(const std::string& path) {
    Node* const parent = Find(std::filesystem::path(path).parent_path().string());
    if (parent == nullptr) std::abort();  // a call that was not recorded
    return *parent;
  }

  static std::string Content(const Node& node, CrashLoss loss, std::mt19937_64& random) {
    std::string bytes = node.bytes;
    for (const FileCall& change : node.unsynced) {
      size_t bytes_max = SIZE_MAX;
      if (loss == CrashLoss::kEverything || loss == CrashLoss::kData) continue;
      if (loss == CrashLoss::kRandom) {
        const uint64_t dice = random() % 4;
        if (dice == 0) continue;
        if (dice == 1) bytes_max = change.bytes.size() / 2;
      }
      Apply(change, bytes_max, bytes);
    }
    return bytes;
  }

  void WriteDirectory(const Node& directory, CrashLoss loss, std::mt19937_64& random,
                      const std::string& path) const {
    std::filesystem::create_directory(path);
    std::map<std::string, int> names = directory.safe_names;
    if (loss == CrashLoss::kNothing || loss == CrashLoss::kData) names = directory.names;
    if (loss == CrashLoss::kRandom) {
      for (const auto& [name, node] : directory.names) {
        if (random() % 2 == 0) names[name] = node;
      }
      for (const auto& [name, node] : directory.safe_names) {
        const bool removed =
            !directory.names.contains(name) && !directory.moved_away.contains(name);
        if (removed && random() % 2 == 0) names.erase(name);
      }
    }
    for (const auto& [name, index] : names) {
      const Node& node = nodes_[static_cast<size_t>(index)];
      const std::string to = absl::StrCat(path, "/", name);
      if (node.directory) {
        WriteDirectory(node, loss, random, to);
      } else if (!absl::EndsWith(name, "-shm")) {  // memory-mapped, and made again
        WriteFile(to, Content(node, loss, random));
      }
    }
  }

  const std::string root_;
  std::vector<Node> nodes_;
};

}  // namespace

void WriteCrashImage(std::span<const FileCall> history, size_t steps, const std::string& directory,
                     CrashLoss loss, uint64_t seed, const std::string& image) {
  char root[PATH_MAX];
  if (realpath(directory.c_str(), root) == nullptr) std::abort();
  Disk disk(root);
  for (const FileCall& call : history.subspan(0, steps)) disk.Replay(call);
  disk.Write(loss, seed, image);
}

}  // namespace kalavai::testing
