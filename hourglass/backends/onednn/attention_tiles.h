#pragma once
// Which products of tiles causal attention needs. Integers only: the kernels run these lists, and
// Executed() sums them.
//
// A class of queries (every query_class-th one) against a class of keys is a causal square of side
// `base`: query a sees key b iff b <= a, at distance e = b - a <= 0. A strip holds the scores of a
// tile of queries (rows) against a block of keys (columns); column 0 of row 0 is at `strip`, rows
// are `stride` floats apart.
//
// In the position products the column belongs to a distance e, not to a key: row t, distance e is
// key column first_query + t + e - first_key. So the same strip seen with row stride `stride` + 1
// is indexed by distance: the relative shift costs nothing, neither when scores are added to it nor
// when its gradient is read from it. Products in that view reach up to kStripReach floats beyond a
// row.

#include <algorithm>
#include <cstdint>

#include "hourglass/backends/onednn/tile_gemm.h"

namespace hourglass::onednn {

inline constexpr int64_t kStripReach = 32;
// Rows of the right factor that stay in the first-level cache while all row groups pass.
inline constexpr int64_t kTileDepth = 128;

inline int64_t RoundUp(int64_t x, int64_t step) { return (x + step - 1) / step * step; }
inline int64_t RoundDown(int64_t x, int64_t step) { return x / step * step; }

struct QueryTile {
  int64_t first = 0;
  int64_t rows = 0;
};

// `first` is a multiple of kPanelColumns.
struct KeyBlock {
  int64_t first = 0;
  int64_t columns = 0;
};

// Columns of the block that row `row` of the tile sees: always the first ones.
inline int64_t VisibleColumns(QueryTile q, KeyBlock k, int64_t row) {
  return std::clamp<int64_t>(q.first + row + 1 - k.first, 0, k.columns);
}

// Calls f(block) for the blocks of at most `columns` keys that the tile sees.
template <typename F>
void ForKeyBlocks(QueryTile q, int64_t columns, F&& f) {
  const int64_t keys = q.first + q.rows;
  for (int64_t b = 0; b < keys; b += columns) f(KeyBlock{b, std::min(columns, keys - b)});
}

// Groups of `grain` rows; neighbouring groups with equal ranges are called together.
// range(first row, last row) -> {begin, end}; f(row, rows, begin, end) where begin < end.
template <typename Range, typename F>
void ForRowGroups(int64_t rows, int64_t grain, Range&& range, F&& f) {
  int64_t first = 0;
  while (first < rows) {
    int64_t next = std::min(first + grain, rows);
    const auto wanted = range(first, next - 1);
    while (next < rows && range(next, std::min(next + grain, rows) - 1) == wanted) {
      next = std::min(next + grain, rows);
    }
    if (wanted.first < wanted.second) f(first, next - first, wanted.first, wanted.second);
    first = next;
  }
}

// scores = queries x keys^T: f(row, rows, column, columns), within one panel of keys each.
template <typename F>
void ForContentScores(QueryTile q, KeyBlock k, F&& f) {
  const int64_t grain = TileRows(kPanelColumns);
  for (int64_t c = 0; c < k.columns; c += kPanelColumns) {
    ForRowGroups(
        q.rows, grain,
        [&](int64_t, int64_t last) {
          const int64_t seen = VisibleColumns(q, k, last) - c;
          return std::pair(
              c, c + std::min(kPanelColumns, RoundUp(std::max<int64_t>(seen, 0), kTileColumns)));
        },
        [&](int64_t row, int64_t rows, int64_t begin, int64_t end) {
          f(row, rows, begin, end - begin);
        });
  }
}

// The distances that rows first..last see in the block: [begin, end), end <= 1.
inline std::pair<int64_t, int64_t> Distances(QueryTile q, KeyBlock k, int64_t first, int64_t last) {
  return {k.first - q.first - last, std::min<int64_t>(1, k.first + k.columns - q.first - first)};
}

// scores += queries x positions^T: f(row, rows, place, places), within one panel of positions each.
// Distance e has place e + places_of_all - 1, so that distance 0 ends the last panel.
template <typename F>
void ForPositionScores(QueryTile q, KeyBlock k, int64_t places_of_all, F&& f) {
  const int64_t grain = TileRows(kPanelColumns);
  const auto [lowest, highest] = Distances(q, k, 0, q.rows - 1);
  const int64_t offset = places_of_all - 1;
  for (int64_t panel = RoundDown(lowest + offset, kPanelColumns); panel < highest + offset;
       panel += kPanelColumns) {
    ForRowGroups(
        q.rows, grain,
        [&](int64_t first, int64_t last) {
          const auto [begin, end] = Distances(q, k, first, last);
          return std::pair(std::max(panel, RoundDown(begin + offset, kTileColumns)),
                           std::min(panel + kPanelColumns, RoundUp(end + offset, kTileColumns)));
        },
        [&](int64_t row, int64_t rows, int64_t begin, int64_t end) {
          f(row, rows, begin, end - begin);
        });
  }
}

// Sums along the depth begin and end at multiples of `pair`: what is summed in addition is zero.

// Rows += strip x (values or keys): f(row, rows, column, depth).
template <typename F>
void ForKeySums(QueryTile q, KeyBlock k, int64_t grain, int64_t pair, F&& f) {
  for (int64_t c = 0; c < k.columns; c += kTileDepth) {
    ForRowGroups(
        q.rows, grain,
        [&](int64_t, int64_t last) {
          return std::pair(c, std::min(c + kTileDepth, RoundUp(VisibleColumns(q, k, last), pair)));
        },
        [&](int64_t row, int64_t rows, int64_t begin, int64_t end) {
          f(row, rows, begin, end - begin);
        });
  }
}

// Rows += strip x positions: f(row, rows, distance, depth). Distance e lies at place e +
// zero_place.
template <typename F>
void ForPositionSums(QueryTile q, KeyBlock k, int64_t grain, int64_t pair, int64_t zero_place,
                     F&& f) {
  const auto down = [=](int64_t e) { return RoundDown(e + zero_place, pair) - zero_place; };
  const auto up = [=](int64_t e) { return RoundUp(e + zero_place, pair) - zero_place; };
  const auto [lowest, highest] = Distances(q, k, 0, q.rows - 1);
  for (int64_t e = down(lowest); e < highest; e += kTileDepth) {
    ForRowGroups(
        q.rows, grain,
        [&](int64_t first, int64_t last) {
          const auto [begin, end] = Distances(q, k, first, last);
          return std::pair(std::max(e, down(begin)), std::min(e + kTileDepth, up(end)));
        },
        [&](int64_t row, int64_t rows, int64_t begin, int64_t end) {
          f(row, rows, begin, end - begin);
        });
  }
}

// Keys (or values) += strip^T x queries: f(column, columns, row, depth).
template <typename F>
void ForKeyGradients(QueryTile q, KeyBlock k, int64_t grain, int64_t pair, F&& f) {
  ForRowGroups(
      k.columns, grain,
      [&](int64_t first, int64_t) {
        return std::pair(RoundDown(std::max<int64_t>(0, k.first + first - q.first), pair),
                         RoundUp(q.rows, pair));
      },
      [&](int64_t column, int64_t columns, int64_t begin, int64_t end) {
        f(column, columns, begin, end - begin);
      });
}

// Positions += strip^T x queries: f(distance, distances, row, depth).
template <typename F>
void ForPositionGradients(QueryTile q, KeyBlock k, int64_t grain, int64_t pair, F&& f) {
  const auto [lowest, highest] = Distances(q, k, 0, q.rows - 1);
  const int64_t base = lowest;
  ForRowGroups(
      highest - lowest, grain,
      [&](int64_t first, int64_t last) {
        const int64_t row_of_key_0 = k.first - q.first - base;
        return std::pair(RoundDown(std::max<int64_t>(0, row_of_key_0 - last), pair),
                         RoundUp(std::min(q.rows, row_of_key_0 - first + k.columns), pair));
      },
      [&](int64_t distance, int64_t distances, int64_t begin, int64_t end) {
        f(base + distance, distances, begin, end - begin);
      });
}

}  // namespace hourglass::onednn
