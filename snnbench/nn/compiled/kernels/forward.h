// Neurons forward: spikes, counted while they are fired, and the rates of a rectifier.

#pragma once

#include "memory.h"

namespace {

template <Charge charge, class R>
inline R charged(R v, R y, R k, R v_reset) {
    R above = v - v_reset;
    if constexpr (charge == kRate) return y;
    if constexpr (charge == kIF) return v + y;
    if constexpr (charge == kLIF) return v + (y - above) / k;
    if constexpr (charge == kLIFUndecayed) return v - above / k + y;
    if constexpr (charge == kPLIF) return v + (y - above) * k;
    return v - above * k + y;
}

// A quantizer of potentials, with PyTorch's roundings one after the other; not a number stays that.
template <class R>
struct Quantizer {
    R theta, low, high, origin, step, divisor;

    explicit Quantizer(const Neuron& neuron)
        : theta(R(neuron.theta)), low(R(neuron.low)), high(R(neuron.high)), origin(R(neuron.origin)),
          step(R(neuron.step)), divisor(step == R(0) ? R(1) : step) {}

    inline R rounded(R x) const {
        x = x < low ? low : x > high ? high : x;
        return origin + std::nearbyint((x - origin) / divisor) * step;
    }

    inline R operator()(R potential) const { return rounded(potential / theta) * theta; }

    // The gradient before it, 1 times that after it between the bounds, else 0; the threshold's is added to `to_theta`.
    inline R through(R potential, R gradient, R& to_theta) const {
        R x = potential / theta, inside = x >= low && x <= high ? R(1) : R(0);
        to_theta += gradient * (rounded(x) - inside * x);
        return gradient * inside;
    }
};

// The potential after the spike of a charged potential `h`, before it is quantized at `kPostReset`.
template <class R>
inline R after(R h, R theta, R v_reset, bool soft) {
    R reset = soft ? h - theta : v_reset;
    return h >= theta ? reset : h;
}

// One step of one neuron: its spike, 0 or 1, and the new potential `v`.
template <Charge charge, Site site, class R>
inline int32_t fire_one(R& v, R y, R theta, R v_reset, R k, bool soft, const Quantizer<R>& quantized) {
    R h = charged<charge, R>(v, y, k, v_reset);
    if constexpr (site == kPreSpike) h = quantized(h);
    v = after(h, theta, v_reset, soft);
    if constexpr (site == kPostReset) v = quantized(v);
    return h >= theta;
}

// STEPS steps of one tile of one sample, the potentials in registers. `counts`: this shard's spikes per neuron;
// `fired`: its spikes per step.
template <int STEPS, Charge charge, Site site, bool counting, class S, class O, class R>
void fire_steps(const S* x, O* out, const R* scale, const R* shift, R* v, const Shape& shape, const Neuron& neuron,
                int64_t length, int32_t* counts, int64_t* fired) {
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), k = R(neuron.k);
    const Quantizer<R> quantized(neuron);
    const bool soft = neuron.soft;
    const int64_t in = shape.step(), step = shape.N * shape.features();
    int32_t first = 0, second = 0, third = 0, fourth = 0;
#pragma omp simd reduction(+ : first, second, third, fourth)
    for (int64_t j = 0; j < length; ++j) {
        R potential = v[j];
        auto fire = [&](int64_t t) {
            R y = std::fma(R(load(x[t * in + j])), scale[j], shift[j]);
            int32_t s = fire_one<charge, site>(potential, y, theta, v_reset, k, soft, quantized);
            store_spike(&out[t * step + j], s);
            return s;
        };
        int32_t s0 = fire(0), s1 = 0, s2 = 0, s3 = 0;
        if constexpr (STEPS == 4) s1 = fire(1), s2 = fire(2), s3 = fire(3);
        v[j] = potential;
        if constexpr (counting) {
            counts[j] += s0 + s1 + s2 + s3;
            first += s0, second += s1, third += s2, fourth += s3;
        }
    }
    const int32_t sums[] = {first, second, third, fourth};
    for (int t = 0; counting && t < STEPS; ++t) fired[t] += sums[t];
}

template <Charge charge, Site site, bool counting, class S, class O, class R>
void fire_tile(const S* x, O* out, const R* scale, const R* shift, R* v, const Shape& shape, const Neuron& neuron,
               int64_t length, R* states, int32_t* counts, int64_t* fired) {
    const int64_t step = shape.N * shape.features();
    if (states) {
        std::copy(states, states + length, v);
    } else {
        std::fill(v, v + length, R(neuron.start));
    }
    int64_t t = 0;
    for (; t + 4 <= shape.T; t += 4) {
        fire_steps<4, charge, site, counting>(x + t * shape.step(), out + t * step, scale, shift, v, shape, neuron,
                                              length, counts, fired + t);
    }
    for (; t < shape.T; ++t) {
        fire_steps<1, charge, site, counting>(x + t * shape.step(), out + t * step, scale, shift, v, shape, neuron,
                                              length, counts, fired + t);
    }
    if (states) std::copy(v, v + length, states);
}

// `states`: potentials that the steps begin with and are left with; without them, all begin at neuron.start.
template <Charge charge, Site site, bool counting, class S, class O>
void fire(const S* x, O* out, const typename Compute<S>::type* scale, const typename Compute<S>::type* shift,
          const Shape& shape, const Neuron& neuron, typename Compute<S>::type* states, int32_t* counts, int64_t* fired,
          int64_t shards, int64_t first, int64_t threads) {
    using R = typename Compute<S>::type;
    const int64_t length = tile_length(shape, kStream, threads), features = shape.features();
    const std::vector<R> scales = repeated(scale, shape.C, length), shifts = repeated(shift, shape.C, length);
#pragma omp parallel num_threads(threads)
    {
        std::vector<R> v(length);
        std::vector<int64_t> mine(counting ? shards * shape.T : 0);
#pragma omp for schedule(static)
        for (int64_t from = 0; from < features; from += length) {
            const int64_t size = std::min(length, features - from);
            for (int64_t n = 0; n < shape.N; ++n) {
                const int64_t shard = counting ? (first + n) % shards : 0;
                fire_tile<charge, site, counting>(x + n * features + from, out + n * features + from, scales.data(),
                                                  shifts.data(), v.data(), shape, neuron, size,
                                                  states ? states + n * features + from : nullptr,
                                                  counts + shard * features + from, mine.data() + shard * shape.T);
            }
        }
        if constexpr (counting) {
#pragma omp critical
            for (size_t i = 0; i < mine.size(); ++i) fired[i] += mine[i];
        }
    }
}

// Rates, 0 to 1, in levels.
template <class S>
void rectify(const S* x, S* out, const typename Compute<S>::type* scale, const typename Compute<S>::type* shift,
             const Shape& shape, const Neuron& neuron, int64_t threads) {
    using R = typename Compute<S>::type;
    const int64_t length = tile_length(shape, kStream, 1), features = shape.features();
    const std::vector<R> scales = repeated(scale, shape.C, length), shifts = repeated(shift, shape.C, length);
    const R silent = R(neuron.theta), slope = R(neuron.k), levels = R(neuron.levels);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < shape.N; ++n) {
        for (int64_t from = n * features; from < (n + 1) * features; from += length) {
            const int64_t size = std::min(length, (n + 1) * features - from);
#pragma omp simd
            for (int64_t j = 0; j < size; ++j) {
                R rate = (std::fma(R(load(x[from + j])), scales[j], shifts[j]) - silent) * slope;
                rate = rate < R(0) ? R(0) : rate > R(1) ? R(1) : rate;
                store(&out[from + j], std::floor(rate * levels + R(0.5)) / levels);
            }
        }
    }
}

}  // namespace
