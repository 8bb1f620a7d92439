#include "model/weights.h"

#include <sys/stat.h>

#include "model/errors.h"
#include "model/mapped_file.h"
#include "model/product_groups.h"

namespace ryz {
namespace {

constexpr std::size_t kLine = 64;

// What was packed need not stay in memory as the file has it; who wants it again reads it again.
void drop_rows(const Weights& weights, const TernaryTensor& tensor, std::size_t begin,
               std::size_t end) {
  if (weights.file == nullptr) return;
  const std::size_t last = std::min(end, tensor.rows);
  weights.file->drop(
      {tensor.data + begin * tensor.row_bytes(), (last - begin) * tensor.row_bytes()});
}

}  // namespace

Weights open_model(const std::string& model, std::uint64_t seed, Team& team) {
  struct stat status {};
  const bool exists = stat(model.c_str(), &status) == 0;
  const std::optional<Config> preset = find_preset(model);
  // A folder that happens to be called like a preset hides it as little as no file does.
  if (exists && !(S_ISDIR(status.st_mode) && preset)) return load_weights(model, team);
  if (preset) return make_weights(*preset, seed, team);
  std::string names;
  for (const std::string& name : preset_names()) names += (names.empty() ? "" : ", ") + name;
  throw InputError("model '" + model +
                   "': no such file, and no preset of that name (presets: " + names + ")");
}

void Weights::check_source() const {
  if (file != nullptr) file->check_unchanged();
}

std::size_t PackedModel::bytes() const {
  std::size_t sum = 0;
  for (const PackedMatrix& matrix : matrices) sum += matrix.bytes();
  return sum;
}

PackedModel pack_model(const Weights& weights, const Encoding& encoding, Team& team) {
  if (encoding.prepare != nullptr) encoding.prepare();
  PackedModel model;
  model.encoding = &encoding;
  const auto bytes_of = [&](const TernaryTensor& tensor) {
    return round_up(packed_bytes(encoding, tensor.rows, tensor.cols), kLine);
  };
  std::size_t bytes = 0;
  for (const Layer& layer : weights.layers) {
    for (const TernaryTensor& tensor : layer.site) bytes += bytes_of(tensor);
  }
  model.memory = Buffer(bytes);
  auto* at = model.memory.as<std::uint8_t>();
  model.matrices.reserve(weights.layers.size() * kSites);
  for (const Layer& layer : weights.layers) {
    for (const TernaryTensor& tensor : layer.site) {
      model.matrices.emplace_back(encoding, tensor.rows, tensor.cols, at);
      at += bytes_of(tensor);
    }
  }
  const std::size_t align = line_align(encoding.row_tile);
  team.run([&](Worker& worker) {
    for (std::size_t l = 0; l < weights.layers.size(); ++l) {
      for (const SiteGroup group : kSiteGroups) {
        PackedMatrix* matrices = model.matrices.data() + l * kSites + group.first;
        const TernaryTensor* tensors = weights.layers[l].site + group.first;
        const auto tiles = [&](std::size_t i) { return matrices[i].tiles(); };
        std::size_t n = 0;
        for (std::size_t i = 0; i < group.count; ++i) n += tiles(i);
        // The same blocks as Worker::loop() gives, without its barrier.
        const std::size_t units = (n + align - 1) / align;
        const std::size_t begin = std::min(n, units * worker.index() / worker.count() * align);
        const std::size_t end = std::min(n, units * (worker.index() + 1) / worker.count() * align);
        for_each_part(
            group.count, begin, end, tiles, [&](std::size_t i, std::size_t from, std::size_t to) {
              const auto read = [&](std::size_t row, std::int8_t* trits) {
                tensors[i].read_row(row, trits);
              };
              matrices[i].pack_tiles(from, to, read);
              drop_rows(weights, tensors[i], from * encoding.row_tile, to * encoding.row_tile);
            });
      }
    }
  });
  weights.check_source();
  return model;
}

}  // namespace ryz
