#include "model/weights.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>

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

// The tensors of a group, and the rows of their matrix: each begins with a tile of its own.
struct GroupRows {
  GroupRows(const Layer& layer, SiteGroup group, std::size_t row_tile)
      : tensors(layer.site + group.first), count(group.count), tile(row_tile) {
    for (std::size_t i = 0; i < count; ++i) {
      rows = tiles * tile + tensors[i].rows;
      tiles += tiles_of(tensors[i], tile);
    }
  }

  void read(std::size_t row, std::int8_t* trits) const {
    std::size_t i = 0;
    for (; row >= tiles_of(tensors[i], tile) * tile; ++i) row -= tiles_of(tensors[i], tile) * tile;
    if (row < tensors[i].rows) {
      tensors[i].read_row(row, trits);
    } else {
      std::fill_n(trits, tensors[i].cols, std::int8_t{0});
    }
  }

  const TernaryTensor* tensors;
  std::size_t count;
  std::size_t tile;
  std::size_t tiles = 0;
  std::size_t rows = 0;
};

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
  const std::size_t tile = encoding.row_tile;
  std::size_t bytes = 0;
  for (const Layer& layer : weights.layers) {
    for (const SiteGroup group : kSiteGroups) {
      const GroupRows all(layer, group, tile);
      bytes += round_up(packed_bytes(encoding, all.rows, all.tensors[0].cols), kLine);
    }
  }
  model.memory = Buffer(bytes);
  auto* at = model.memory.as<std::uint8_t>();
  model.matrices.reserve(weights.layers.size() * std::size(kSiteGroups));
  for (const Layer& layer : weights.layers) {
    for (const SiteGroup group : kSiteGroups) {
      const GroupRows all(layer, group, tile);
      const PackedMatrix& matrix =
          model.matrices.emplace_back(encoding, all.rows, all.tensors[0].cols, at);
      at += round_up(matrix.bytes(), kLine);
      std::size_t first = 0;
      for (std::size_t i = 0; i < group.count; ++i) {
        model.tiles.push_back({&matrix, first});
        first += tiles_of(all.tensors[i], tile);
      }
    }
  }
  const std::size_t align = line_align(tile);
  team.run([&](Worker& worker) {
    PackedMatrix* matrix = model.matrices.data();
    for (const Layer& layer : weights.layers) {
      for (const SiteGroup group : kSiteGroups) {
        const GroupRows all(layer, group, tile);
        // The same blocks as Worker::loop() gives, without its barrier.
        const std::size_t units = (all.tiles + align - 1) / align;
        const std::size_t begin =
            std::min(all.tiles, units * worker.index() / worker.count() * align);
        const std::size_t end =
            std::min(all.tiles, units * (worker.index() + 1) / worker.count() * align);
        const auto read = [&](std::size_t row, std::int8_t* trits) { all.read(row, trits); };
        (matrix++)->pack_tiles(begin, end, read);
        for_each_part(
            group.count, begin, end, [&](std::size_t i) { return tiles_of(all.tensors[i], tile); },
            [&](std::size_t i, std::size_t from, std::size_t to) {
              drop_rows(weights, all.tensors[i], from * tile, to * tile);
            });
      }
    }
  });
  weights.check_source();
  return model;
}

}  // namespace ryz
