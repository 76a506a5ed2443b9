// Shapes, element types, and tiles of channels-last memory.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

constexpr int64_t kStream = 8192, kSums = 2048;  // elements of all steps of a tile: to stream through, to sum over

enum Site { kNowhere, kPreSpike, kPostReset };

enum Charge { kIF, kLIF, kLIFUndecayed, kPLIF, kPLIFUndecayed, kRate };

struct Neuron {
    // k: tau of a LIF neuron, the leak 1/tau of a PLIF neuron. A rectifier (kRate) is silent up to theta and rises by
    // k, in so many levels. start: the potential before the first step, which moves by_theta as theta does.
    // low to step: at `site` potentials in units of theta are clipped to [low, high] and rounded to origin + i * step.
    double theta, v_reset, k, alpha, start, by_theta, low, high, origin, step;
    int64_t charge, soft, detach, levels, site;
};

struct Shape {
    // shared: the input is the same at every step. constant: so is the gradient, and just its sum over steps is wanted.
    int64_t T, N, positions, C, shared, constant;
    int64_t features() const { return positions * C; }
    int64_t step() const { return shared ? 0 : N * features(); }
    int64_t gradient_step() const { return constant ? 0 : N * features(); }
};

enum Gradients { kEveryStep, kSummed, kSummedWithInput };

struct bf16 {
    uint16_t bits;
};

template <class S>
struct Compute {
    using type = float;
};
template <>
struct Compute<double> {
    using type = double;
};

inline float load(float x) { return x; }
inline double load(double x) { return x; }
inline float load(bf16 x) {
    uint32_t wide = uint32_t(x.bits) << 16;
    float y;
    std::memcpy(&y, &wide, 4);
    return y;
}

inline int32_t load(uint8_t x) { return x; }

inline void store(float* to, float y) { *to = y; }
inline void store(double* to, double y) { *to = y; }
inline void store(bf16* to, float y) {
    uint32_t wide;
    std::memcpy(&wide, &y, 4);
    to->bits = uint16_t((wide + 0x7FFF + ((wide >> 16) & 1)) >> 16);
}

template <class O>
inline void store_spike(O* to, int32_t s) {
    *to = O(s);
}
inline void store_spike(bf16* to, int32_t s) { to->bits = uint16_t(-s & 0x3F80); }

template <class Run, int... t>
inline void unrolled(Run run, std::integer_sequence<int, t...>) {
    (run(std::integral_constant<int, t>()), ...);
}

int64_t tile_length(const Shape& shape, int64_t wanted, int64_t threads) {
    int64_t cached = wanted / (shape.T * shape.C), shared = (shape.positions + threads - 1) / threads;
    return std::max<int64_t>(1, std::min({cached, shared, shape.positions})) * shape.C;
}

template <class R>
std::vector<R> repeated(const R* channels, int64_t C, int64_t length) {
    std::vector<R> all(length);
    for (int64_t j = 0; j < length; ++j) all[j] = channels[j % C];
    return all;
}

template <class R>
void fold(const R* lanes, int64_t length, int64_t C, double* sums) {
    for (int64_t from = 0; from < length; from += C) {
        for (int64_t c = 0; c < C; ++c) sums[c] += lanes[from + c];
    }
}

}  // namespace
