// Gradients of a convolution's weights, from the inputs that are not zero.
//
// An input at row h reaches the output row (h + pad - tap) / stride through a tap where that is whole. With h + pad =
// stride * q + r, only taps of remainder r do so, at row q - tap / stride: inputs are kept by remainder, with q, and
// what is left of a tap is one distance in memory.

#pragma once

#include "events.h"

namespace {

// The gradient (out_h, out_w, out) of one image between zeros, so that each tap of each input has a place in it.
struct Framed {
    int64_t above, left, rows, columns;
    std::vector<float> of;

    explicit Framed(const Window& s)
        : above((s.kernel_h - 1) / s.stride_h),
          left((s.kernel_w - 1) / s.stride_w),
          rows(above + std::max((s.H - 1 + s.pad_h) / s.stride_h + 1, s.out_h)),
          columns(left + std::max((s.W - 1 + s.pad_w) / s.stride_w + 1, s.out_w)),
          of(rows * columns * s.out) {}

    // Whether all of `gradient` is finite.
    bool fill(const float* gradient, const Window& s) {
        int32_t others = 0;
        for (int64_t h = 0; h < s.out_h; ++h, gradient += s.out_w * s.out) {
            float* row = of.data() + ((above + h) * columns + left) * s.out;
#pragma omp simd reduction(| : others)
            for (int64_t j = 0; j < s.out_w * s.out; ++j) {
                row[j] = gradient[j];
                others |= gradient[j] - gradient[j] != 0.0f;
            }
        }
        return !others;
    }
};

// The inputs of one image that are not zero, by channel and remainders: value, and place of the first tap in `Framed`.
struct ByChannel {
    std::vector<int32_t> at, count, of_pixel;
    std::vector<float> value, of_values;
    int64_t places;

    explicit ByChannel(const Window& s)
        : count(s.C * s.stride_h * s.stride_w),
          of_pixel(s.C + kGroup),
          of_values(of_pixel.size()),
          places(((s.H + s.stride_h - 1) / s.stride_h) * ((s.W + s.stride_w - 1) / s.stride_w)) {
        at.resize(count.size() * places);
        value.resize(at.size());
    }

    // `x` (H, W, C), of which channels `first` to `last` are looked at.
    template <class S>
    void find(const S* x, int64_t first, int64_t last, const Framed& frame, const Window& s) {
        bool others = false;
        std::fill(count.begin(), count.end(), 0);
        for (int64_t h = s.pad_h; h < s.H + s.pad_h; ++h) {
            for (int64_t w = s.pad_w; w < s.W + s.pad_w; ++w, x += s.C) {
                const int64_t row = frame.above + h / s.stride_h, column = frame.left + w / s.stride_w;
                const int32_t place = int32_t((row * frame.columns + column) * s.out);
                const int64_t remainder = h % s.stride_h * s.stride_w + w % s.stride_w;
                int32_t* lists = count.data() + remainder * s.C;
                const int64_t events = compact(x + first, last - first, int32_t(first), of_pixel.data(),
                                               of_values.data(), others);
                for (int64_t e = 0; e < events; ++e) {
                    const int64_t c = of_pixel[e], to = (remainder * s.C + c) * places + lists[c]++;
                    at[to] = place;
                    value[to] = of_values[e];
                }
            }
        }
    }
};

// Adds value[e] * gradient[at[e]] over all e to BLOCK times kChannels sums.
template <int BLOCK>
void add_up(const float* gradient, const int32_t* at, const float* value, int64_t events, float* sums) {
    constexpr int registers = BLOCK * kChannels / kLanes, ways = registers < 8 ? 2 : 1;
    Lanes sum[ways][registers] = {};
    const auto add = [&](int64_t e, int way) {
        for (int b = 0; b < registers; ++b) {
            Lanes part;
            std::memcpy(&part, gradient + at[e] + b * kLanes, sizeof part);
            sum[way][b] = fused(sum[way][b], value[e], part);
        }
    };
    int64_t e = 0;
    for (; e + ways <= events; e += ways) {
        for (int way = 0; way < ways; ++way) add(e + way, way);
    }
    for (; e < events; ++e) add(e, 0);
    for (int b = 0; b < registers; ++b) {
        Lanes all;
        std::memcpy(&all, sums + b * kLanes, sizeof all);
        for (int way = 0; way < ways; ++way) all += sum[way][b];
        std::memcpy(sums + b * kLanes, &all, sizeof all);
    }
}

void add_up_all(const float* gradient, const int32_t* at, const float* value, int64_t events, int64_t out,
                float* sums) {
    for (int64_t from = 0; from < out; from += 6 * kChannels) {
        const int64_t blocks = std::min<int64_t>(6, (out - from) / kChannels);
        const auto run = blocks == 6   ? add_up<6>
                         : blocks == 5 ? add_up<5>
                         : blocks == 4 ? add_up<4>
                         : blocks == 3 ? add_up<3>
                         : blocks == 2 ? add_up<2>
                                       : add_up<1>;
        run(gradient + from, at, value, events, sums + from);
    }
}

void add_up_taps(const ByChannel& found, const Framed& frame, int64_t c, float* dw, const Window& s) {
    float* sums = dw + c * s.kernel_h * s.kernel_w * s.out;
    for (int64_t kh = 0; kh < s.kernel_h; ++kh) {
        for (int64_t kw = 0; kw < s.kernel_w; ++kw, sums += s.out) {
            const int64_t list = (kh % s.stride_h * s.stride_w + kw % s.stride_w) * s.C + c;
            const int64_t back = (kh / s.stride_h * frame.columns + kw / s.stride_w) * s.out;
            add_up_all(frame.of.data() - back, &found.at[list * found.places], &found.value[list * found.places],
                       found.count[list], s.out, sums);
        }
    }
}

// x (images, H, W, C), gradient (images, out_h, out_w, out) with `out` a multiple of kChannels; adds to dw
// (C, kernel_h, kernel_w, out). Each thread has channels of its own, so that threads do not change a sum. Whether all of
// the gradient is finite.
template <class S>
bool weight_gradient(const S* x, const float* gradient, float* dw, int64_t images, const Window& s, int64_t threads) {
    const int64_t share = (s.C + threads - 1) / threads;
    bool finite = true;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(&& : finite)
    for (int64_t first = 0; first < s.C; first += share) {
        Framed frame(s);
        ByChannel found(s);
        const int64_t last = std::min(s.C, first + share);
        for (int64_t n = 0; n < images; ++n) {
            finite = frame.fill(gradient + n * s.out_h * s.out_w * s.out, s) && finite;
            found.find(x + n * s.H * s.W * s.C, first, last, frame, s);
            for (int64_t c = first; c < last; ++c) add_up_taps(found, frame, c, dw, s);
        }
    }
    return finite;
}

}  // namespace
