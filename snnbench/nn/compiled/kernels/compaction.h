// Numbers that are not zero, without those that are.

#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "memory.h"

namespace {

constexpr int64_t kGroup = 8;  // numbers that are looked at together: so many more may be written than are found

#if defined(__AVX2__)
struct Places {
    int32_t of[1 << kGroup][kGroup];

    constexpr Places() : of() {
        for (int mask = 0; mask < 1 << kGroup; ++mask) {
            for (int bit = 0, found = 0; bit < kGroup; ++bit) {
                if (mask >> bit & 1) of[mask][found++] = bit;
            }
        }
    }
};
alignas(64) constexpr Places kPlaces;

inline __m256 group(const float* x) { return _mm256_loadu_ps(x); }
inline __m256 group(const bf16* x) {
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)x));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

inline int differ(__m256 x, float y) { return _mm256_movemask_ps(_mm256_cmp_ps(x, _mm256_set1_ps(y), _CMP_NEQ_UQ)); }
#endif

// Where x[length] is not zero, counted from `first` on, and what it is there; returns how many such there are. `others`:
// whether one of them is not 1.
template <class S>
int64_t compact(const S* x, int64_t length, int32_t first, int32_t* at, float* value, bool& others) {
    int64_t count = 0, i = 0;
#if defined(__AVX2__)
    int seen = 0;
    for (; i + kGroup <= length; i += kGroup) {
        const __m256 numbers = group(x + i);
        const int mask = differ(numbers, 0.0f);
        seen |= mask & differ(numbers, 1.0f);
        const __m256i places = _mm256_load_si256((const __m256i*)kPlaces.of[mask]);
        _mm256_storeu_si256((__m256i*)(at + count), _mm256_add_epi32(places, _mm256_set1_epi32(first + int32_t(i))));
        _mm256_storeu_ps(value + count, _mm256_permutevar8x32_ps(numbers, places));
        count += __builtin_popcount(mask);
    }
    others |= seen != 0;
#endif
    for (; i < length; ++i) {
        const float number = load(x[i]);
        at[count] = first + int32_t(i);
        value[count] = number;
        others |= number != 0.0f && number != 1.0f;
        count += number != 0.0f;
    }
    return count;
}

}  // namespace
