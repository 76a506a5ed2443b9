// The nearest of 2^bits sorted levels for each of many values: a binary search that has no branches to guess wrong.

#include <cstdint>

namespace {

// A value takes the level behind all thresholds that are not at least as large, as `torch.searchsorted` has it.
template <int BITS>
void search(const float* values, int64_t count, const float* thresholds, const float* levels, float* found,
            int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; ++i) {
        const float value = values[i];
        uint32_t at = 0;
        for (int bit = BITS - 1; bit >= 0; --bit) at += uint32_t(!(thresholds[at + (1u << bit) - 1] >= value)) << bit;
        found[i] = levels[at];
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
}
