// Convolutions that skip the inputs that are zero, as most spikes are.
//
// Products are added one by one, by row of the window, column, and input channel: where oneDNN's dense kernels have that
// order, too, the sums are the same to the bit, since a product with 0 changes none.

#pragma once

#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#endif

#include "compaction.h"
#include "memory.h"

namespace {

struct Window {
    int64_t H, W, C, out_h, out_w, out, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

// One register of this processor: of a wider vector GCC keeps the sums in memory.
#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
#elif defined(__AVX__)
constexpr int64_t kLanes = 8;
#else
constexpr int64_t kLanes = 4;
#endif
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
constexpr int64_t kChannels = 16;  // output channels are rounded up to whole blocks of so many

// sums + value * tap, rounded once.
inline Lanes fused(Lanes sums, float value, Lanes tap) {
#if defined(__AVX512F__)
    return (Lanes)_mm512_fmadd_ps(_mm512_set1_ps(value), (__m512)tap, (__m512)sums);
#elif defined(__FMA__)
    return (Lanes)_mm256_fmadd_ps(_mm256_set1_ps(value), (__m256)tap, (__m256)sums);
#else
    for (int j = 0; j < kLanes; ++j) sums[j] = std::fma(value, tap[j], sums[j]);
    return sums;
#endif
}

// The inputs (H, W, C) of one image that are not zero: their place in the row, w * C + c, and those of pixel (h, w)
// from[h * (W + 1) + w] on.
struct Events {
    std::vector<int32_t> at;
    std::vector<float> value;
    std::vector<int32_t> from;
    bool ones = true;

    explicit Events(const Window& s) : at(s.H * s.W * s.C + kGroup), value(at.size()), from(s.H * (s.W + 1)) {}

    template <class S>
    void find(const S* x, const Window& s) {
        int64_t count = 0;
        bool others = false;
        for (int64_t h = 0; h < s.H; ++h) {
            for (int64_t w = 0; w < s.W; ++w, x += s.C) {
                from[h * (s.W + 1) + w] = int32_t(count);
                count += compact(x, s.C, int32_t(w * s.C), &at[count], &value[count], others);
            }
            from[h * (s.W + 1) + s.W] = int32_t(count);
        }
        ones = !others;
    }
};

// BLOCK times kChannels output channels at one place; `weight` (kernel_h, kernel_w, C, out) begins at the first of them.
template <class S, int BLOCK, bool ones>
void convolve_at(const Events& events, const float* weight, S* y, int64_t top, int64_t left, int64_t stored,
                 const Window& s) {
    constexpr int registers = BLOCK * kChannels / kLanes;
    Lanes sums[registers] = {};
    const int64_t first = std::max<int64_t>(0, left), last = std::min(s.W, left + s.kernel_w);
    for (int64_t kh = std::max<int64_t>(0, -top); kh < std::min(s.kernel_h, s.H - top); ++kh) {
        const int32_t* row = events.from.data() + (top + kh) * (s.W + 1);
        const float* taps = weight + (kh * s.kernel_w - left) * s.C * s.out;
        for (int32_t e = row[first]; e < row[last]; ++e) {
            const float* w = taps + int64_t(events.at[e]) * s.out;
            for (int b = 0; b < registers; ++b) {
                Lanes tap;
                std::memcpy(&tap, w + b * kLanes, sizeof tap);
                sums[b] = ones ? sums[b] + tap : fused(sums[b], events.value[e], tap);
            }
        }
    }
    float found[BLOCK * kChannels];
    std::memcpy(found, sums, sizeof sums);
    for (int64_t c = 0; c < stored; ++c) store(y + c, found[c]);
}

template <class S, int BLOCK>
void convolve_image(const Events& events, const float* weight, S* y, int64_t stored, int64_t channels,
                    const Window& s) {
    const auto at = events.ones ? convolve_at<S, BLOCK, true> : convolve_at<S, BLOCK, false>;
    for (int64_t h = 0; h < s.out_h; ++h) {
        for (int64_t w = 0; w < s.out_w; ++w) {
            at(events, weight, y + (h * s.out_w + w) * channels, h * s.stride_h - s.pad_h, w * s.stride_w - s.pad_w,
               stored, s);
        }
    }
}

// x (images, H, W, C), weight (kernel_h, kernel_w, C, out) with `out` rounded up to whole blocks, y (images, out_h,
// out_w, channels). Sums are float32, whatever x and y are.
template <class S>
void convolve_events(const S* x, const float* weight, S* y, int64_t images, int64_t channels, const Window& s,
                     int64_t threads) {
#pragma omp parallel num_threads(threads)
    {
        Events events(s);
#pragma omp for schedule(static)
        for (int64_t n = 0; n < images; ++n) {
            events.find(x + n * s.H * s.W * s.C, s);
            S* mine = y + n * s.out_h * s.out_w * channels;
            for (int64_t from = 0; from < s.out; from += 4 * kChannels) {
                const int64_t blocks = std::min<int64_t>(4, (s.out - from) / kChannels);
                const auto run = blocks == 4   ? convolve_image<S, 4>
                                 : blocks == 3 ? convolve_image<S, 3>
                                 : blocks == 2 ? convolve_image<S, 2>
                                               : convolve_image<S, 1>;
                run(events, weight + from, mine + from, std::min(blocks * kChannels, channels - from), channels, s);
            }
        }
    }
}

}  // namespace
