// The nearest of 2^bits sorted levels for each of many values: a binary search that has no branches to guess wrong.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace {

// A value takes the level behind all thresholds that are not at least as large, as `torch.searchsorted` has it.
template <int BITS>
inline uint32_t level_of(float value, const float* thresholds) {
    uint32_t at = 0;
    for (int bit = BITS - 1; bit >= 0; --bit) at += uint32_t(!(thresholds[at + (1u << bit) - 1] >= value)) << bit;
    return at;
}

template <int BITS>
void search(const float* values, int64_t count, const float* thresholds, const float* levels, float* found,
            int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; ++i) found[i] = levels[level_of<BITS>(values[i], thresholds)];
}

// Each thread adds up a part of the values, in their order; the parts are added in theirs.
template <int BITS>
void tally(const float* values, int64_t count, const float* thresholds, const float* levels, float* found,
           double* counts, double* sums, int64_t threads) {
    constexpr int LEVELS = 1 << BITS;
    std::vector<double> parts(2 * LEVELS * threads);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t part = 0; part < threads; ++part) {
        double many[LEVELS] = {}, sum[LEVELS] = {};
        const int64_t end = count * (part + 1) / threads;
        for (int64_t i = count * part / threads; i < end; ++i) {
            const uint32_t at = level_of<BITS>(values[i], thresholds);
            found[i] = levels[at];
            many[at] += 1;
            sum[at] += values[i];
        }
        std::copy(many, many + LEVELS, parts.begin() + 2 * LEVELS * part);
        std::copy(sum, sum + LEVELS, parts.begin() + 2 * LEVELS * part + LEVELS);
    }
    for (int64_t part = 0; part < threads; ++part)
        for (int level = 0; level < LEVELS; ++level) {
            counts[level] += parts[2 * LEVELS * part + level];
            sums[level] += parts[2 * LEVELS * part + LEVELS + level];
        }
}

}  // namespace

extern "C" {

// thresholds[2^bits - 1] lie between levels[2^bits]; found[count] may be values[count].
void nearest_levels(const float* values, int64_t count, int64_t bits, const float* thresholds, const float* levels,
                    float* found, int64_t threads) {
    decltype(&search<1>) const of_bits[] = {search<1>, search<2>, search<3>, search<4>,
                                            search<5>, search<6>, search<7>, search<8>};
    of_bits[bits - 1](values, count, thresholds, levels, found, threads);
}

// The same; adds to counts[2^bits] how many values take each level, and to sums[2^bits] those values.
void tally_levels(const float* values, int64_t count, int64_t bits, const float* thresholds, const float* levels,
                  float* found, double* counts, double* sums, int64_t threads) {
    decltype(&tally<1>) const of_bits[] = {tally<1>, tally<2>, tally<3>, tally<4>,
                                           tally<5>, tally<6>, tally<7>, tally<8>};
    of_bits[bits - 1](values, count, thresholds, levels, found, counts, sums, threads);
}
}
