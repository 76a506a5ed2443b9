// Distances after a regrouping of shards: the same counts in other groups, so that nothing is sorted.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

constexpr int64_t kBlock = 256;  // units whose counts by shard stay in the first cache while all regroupings read them
constexpr int64_t kFew = 8;      // values a unit from which the values that no unit has are skipped

// Counts of `size` units from `start` on, in a network that keeps a part of what each shard counts more in it.
void regroup(const float* reference, const float* more, int64_t units, int64_t shards, const float* kept, int64_t start,
             int64_t size, float* sums, int32_t* counts) {
    std::copy(reference + start, reference + start + size, sums);
    for (int64_t shard = 0; shard < shards; ++shard) {
        if (kept[shard] == 0) continue;
        const float part = kept[shard], *row = more + shard * units + start;
        for (int64_t i = 0; i < size; ++i) sums[i] += part * row[i];
    }
    for (int64_t i = 0; i < size; ++i) counts[i] = int32_t(std::nearbyintf(sums[i]));
}

int64_t area_below(const int32_t* histogram, int64_t values) {
    int64_t area = 0;
    int32_t above = 0;
    for (int64_t value = 0; value < values; ++value) area += std::abs(above += histogram[value]);
    return area;
}

// The same where few values of a histogram are not 0: their bits in `marks` are set.
int64_t area_between(const int32_t* histogram, const uint64_t* marks, int64_t words) {
    int64_t area = 0, above = 0, last = 0;
    for (int64_t word = 0; word < words; ++word) {
        for (uint64_t left = marks[word]; left; left &= left - 1) {
            const int64_t value = 64 * word + __builtin_ctzll(left);
            area += std::abs(above) * (value - last);
            above += histogram[value], last = value;
        }
    }
    return area;
}

void mark(uint64_t* marks, int64_t value) { marks[value / 64] |= uint64_t(1) << value % 64; }

}  // namespace

extern "C" {

// For each of `groupings` (a row of `shards` parts in `kept`): the area between the cumulative histograms of both
// networks' counts after it. `totals` are a unit's counts in both networks together, `reference` those in one, `more`
// (shards, units) what each shard counts more in the other. `histograms` holds `values` zeros for each grouping, the
// first of them for a count of -`below`.
void regrouped_areas(int64_t units, int64_t shards, const int32_t* totals, const float* reference, const float* more,
                     int64_t groupings, const float* kept, int64_t values, int64_t below, int32_t* histograms,
                     int64_t* areas) {
    float sums[kBlock];
    int32_t counts[kBlock];
    const int64_t words = kFew * units < values ? values / 64 + 1 : 0;
    std::vector<uint64_t> marks(groupings * words);
    for (int64_t start = 0; start < units; start += kBlock) {
        int64_t size = std::min(kBlock, units - start);
        for (int64_t grouping = 0; grouping < groupings; ++grouping) {
            regroup(reference, more, units, shards, kept + grouping * shards, start, size, sums, counts);
            int32_t* histogram = histograms + grouping * values + below;
            for (int64_t i = 0; i < size; ++i) {
                ++histogram[counts[i]];
                --histogram[totals[start + i] - counts[i]];
            }
            uint64_t* mine = marks.data() + grouping * words;
            for (int64_t i = 0; words && i < size; ++i) {
                mark(mine, below + counts[i]);
                mark(mine, below + totals[start + i] - counts[i]);
            }
        }
    }
    for (int64_t each = 0; each < groupings; ++each) {
        const int32_t* histogram = histograms + each * values;
        areas[each] = words ? area_between(histogram, marks.data() + each * words, words) : area_below(histogram, values);
    }
}
}
