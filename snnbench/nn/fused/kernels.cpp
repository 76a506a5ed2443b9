// Multi-step neurons in one pass over memory forward and one backward, with batch norm and spike counting fused in.
//
// Memory is channels-last: x[t][n][position][channel]. With `shared` the input is x[n][position][channel], the same at
// every step (direct encoding). A tile is a stretch of whole positions that stays in the first-level cache.
// Sums over a batch are added per sample and then in the order of the samples, so threads do not change them.
// Rounding is PyTorch's: batch norm by a fused multiply-add, the neuron's equations without (contraction is off).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

constexpr int64_t kStream = 8192, kSums = 2048;  // elements of all steps of a tile: to stream through, to sum over

enum Charge { kIF, kLIF, kLIFUndecayed, kPLIF, kPLIFUndecayed, kRate };

struct Neuron {
    // k: tau of a LIF neuron, the leak 1/tau of a PLIF neuron. A rectifier (kRate) is silent up to theta and rises by k.
    double theta, v_reset, k, alpha;
    int64_t charge, soft, detach;
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
inline void store_spike(O* to, int32_t s) { *to = O(s); }
inline void store_spike(bf16* to, int32_t s) { to->bits = uint16_t(-s & 0x3F80); }

template <class Run, int... t>
inline void unrolled(Run run, std::integer_sequence<int, t...>) {
    (run(std::integral_constant<int, t>()), ...);
}

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

template <class S>
void sum_rows(const S* x, int64_t rows, int64_t positions, int64_t C, double* sums, int64_t threads) {
    using R = typename Compute<S>::type;
    const Shape shape{1, rows, positions, C, 0, 0};
    const int64_t length = tile_length(shape, kSums, 1);
    std::vector<R> pivot(C);
    for (int64_t c = 0; c < C; ++c) pivot[c] = load(x[c]);
    const std::vector<R> center = repeated(pivot.data(), C, length);
#pragma omp parallel num_threads(threads)
    {
        std::vector<R> first(length), second(length);
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; ++row) {
            std::fill(first.begin(), first.end(), R(0));
            std::fill(second.begin(), second.end(), R(0));
            for (int64_t from = 0; from < shape.features(); from += length) {
                const S* tile = x + row * shape.features() + from;
                const int64_t size = std::min(length, shape.features() - from);
#pragma omp simd
                for (int64_t j = 0; j < size; ++j) {
                    R d = R(load(tile[j])) - center[j];
                    first[j] += d;
                    second[j] += d * d;
                }
            }
            double* mine = sums + row * 2 * C;
            std::fill(mine, mine + 2 * C, 0.0);
            fold(first.data(), length, C, mine);
            fold(second.data(), length, C, mine + C);
        }
    }
}

// One step of one neuron: its spike, 0 or 1, and the new potential `v`.
template <Charge charge, class R>
inline int32_t fire_one(R& v, R y, R theta, R v_reset, R k, bool soft) {
    R h = charged<charge, R>(v, y, k, v_reset);
    R reset = soft ? h - theta : v_reset;
    int32_t s = h >= theta;
    v = s ? reset : h;
    return s;
}

// STEPS steps of one tile of one sample, the potentials in registers. `counts`: this shard's spikes per neuron;
// `fired`: its spikes per step.
template <int STEPS, Charge charge, bool counting, class S, class O, class R>
void fire_steps(const S* x, O* out, const R* scale, const R* shift, R* v, const Shape& shape, const Neuron& neuron,
                int64_t length, int32_t* counts, int64_t* fired) {
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), k = R(neuron.k);
    const bool soft = neuron.soft;
    const int64_t in = shape.step(), step = shape.N * shape.features();
    int32_t first = 0, second = 0, third = 0, fourth = 0;
#pragma omp simd reduction(+ : first, second, third, fourth)
    for (int64_t j = 0; j < length; ++j) {
        R potential = v[j];
        auto fire = [&](int64_t t) {
            R y = std::fma(R(load(x[t * in + j])), scale[j], shift[j]);
            int32_t s = fire_one<charge>(potential, y, theta, v_reset, k, soft);
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

template <Charge charge, bool counting, class S, class O, class R>
void fire_tile(const S* x, O* out, const R* scale, const R* shift, R* v, const Shape& shape, const Neuron& neuron,
               int64_t length, int32_t* counts, int64_t* fired) {
    const int64_t step = shape.N * shape.features();
    std::fill(v, v + length, R(neuron.v_reset));
    int64_t t = 0;
    for (; t + 4 <= shape.T; t += 4) {
        fire_steps<4, charge, counting>(x + t * shape.step(), out + t * step, scale, shift, v, shape, neuron, length,
                                        counts, fired + t);
    }
    for (; t < shape.T; ++t) {
        fire_steps<1, charge, counting>(x + t * shape.step(), out + t * step, scale, shift, v, shape, neuron, length,
                                        counts, fired + t);
    }
}

template <Charge charge, bool counting, class S, class O>
void fire(const S* x, O* out, const typename Compute<S>::type* scale, const typename Compute<S>::type* shift,
          const Shape& shape, const Neuron& neuron, int32_t* counts, int64_t* fired, int64_t shards, int64_t first,
          int64_t threads) {
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
                fire_tile<charge, counting>(x + n * features + from, out + n * features + from, scales.data(),
                                            shifts.data(), v.data(), shape, neuron, size,
                                            counts + shard * features + from, mine.data() + shard * shape.T);
            }
        }
        if constexpr (counting) {
#pragma omp critical
            for (size_t i = 0; i < mine.size(); ++i) fired[i] += mine[i];
        }
    }
}

template <class R>
struct Scratch {
    std::vector<R> h, carried, grad, in_all, first, second;
    Scratch(int64_t T, int64_t length)
        : h(T * length), carried(length), grad(length), in_all(length), first(length), second(length) {}
};

// Potentials h[t] of one tile, as the forward pass had them.
template <Charge charge, class S, class R>
void charge_tile(const S* x, const R* scale, const R* shift, R* h, R* v, const Shape& shape, const Neuron& neuron,
                 int64_t length) {
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), k = R(neuron.k);
    const bool soft = neuron.soft;
    for (int64_t j = 0; j < length; ++j) v[j] = v_reset;
    for (int64_t t = 0; t < shape.T; ++t) {
        const S* x_t = x + t * shape.step();
        R* h_t = h + t * length;
#pragma omp simd
        for (int64_t j = 0; j < length; ++j) {
            R y = std::fma(R(load(x_t[j])), scale[j], shift[j]);
            R charged_now = charged<charge, R>(v[j], y, k, v_reset);
            R reset = soft ? charged_now - theta : v_reset;
            h_t[j] = charged_now;
            v[j] = charged_now >= theta ? reset : charged_now;
        }
    }
}

// The rates, 0 to 1, of a rectifier network.
template <class S>
void rectify(const S* x, S* out, const typename Compute<S>::type* scale, const typename Compute<S>::type* shift,
             const Shape& shape, const Neuron& neuron, int64_t threads) {
    using R = typename Compute<S>::type;
    const int64_t length = tile_length(shape, kStream, 1), features = shape.features();
    const std::vector<R> scales = repeated(scale, shape.C, length), shifts = repeated(shift, shape.C, length);
    const R silent = R(neuron.theta), slope = R(neuron.k);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < shape.N; ++n) {
        for (int64_t from = n * features; from < (n + 1) * features; from += length) {
            const int64_t size = std::min(length, (n + 1) * features - from);
#pragma omp simd
            for (int64_t j = 0; j < size; ++j) {
                R rate = (std::fma(R(load(x[from + j])), scales[j], shifts[j]) - silent) * slope;
                store(&out[from + j], rate < R(0) ? R(0) : rate > R(1) ? R(1) : rate);
            }
        }
    }
}

// The backward pass of one step: the surrogate is an arctangent's derivative, and a spike's reset is part of the graph
// unless it is detached.
template <Charge charge, class R>
struct Gradient {
    static constexpr bool learned = charge == kPLIF || charge == kPLIFUndecayed;
    R theta, leak, input, keep, half, slope, kept, by_spike, by_height, saturated;

    explicit Gradient(const Neuron& neuron) {
        const R through = neuron.detach ? 0 : 1;
        theta = R(neuron.theta);
        leak = charge == kIF || charge == kRate ? R(0) : learned ? R(neuron.k) : R(1) / R(neuron.k);
        input = charge == kLIF || charge == kPLIF ? leak : R(1);
        keep = R(1) - leak;
        half = R(neuron.alpha / 2);
        slope = charge == kRate ? R(neuron.k) : R(neuron.alpha * 1.5707963267948966);
        saturated = R(neuron.theta + 1 / neuron.k);
        kept = neuron.soft ? 1 : 0;
        by_spike = through * (neuron.soft ? -theta : R(neuron.v_reset));
        by_height = through * (neuron.soft ? R(0) : R(-1));
    }

    // With respect to the potential h; `carried` is the gradient of the stored potential after it, then before it.
    inline R potential(R h, R spike, R& carried) const {
        if constexpr (charge == kRate) return h >= theta && h <= saturated ? spike * slope : R(0);
        R u = (h - theta) * slope;
        R gs = spike + carried * (by_spike + by_height * h);
        R gh = carried * (h < theta ? R(1) : kept) + gs * (half / (R(1) + u * u));
        carried = gh * keep;
        return gh;
    }
};

// Gradient of one tile with respect to the current, and its sums for batch norm; T steps in registers. `x_sum`, the sum
// of the input over steps, is written where gradients are summed and inputs are not the same.
template <int T, Charge charge, Gradients kind, class S, class R>
void backward_short(const S* x, const S* grads, S* dy, S* x_sum, const R* scale, const R* shift, const R* mean,
                    Scratch<R>& scratch, const Shape& shape, const Neuron& neuron, int64_t length) {
    const Gradient<charge, R> gradient(neuron);
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), k = R(neuron.k);
    const bool soft = neuron.soft;
    const int64_t in = shape.step(), step = shape.gradient_step();
    R *first = scratch.first.data(), *second = scratch.second.data();
#pragma omp simd
    for (int64_t j = 0; j < length; ++j) {
        R h[T], current[T], v = v_reset, carried = 0, sum = 0, product = 0, in_all = 0;
        unrolled([&](auto t) {
            current[t] = R(load(x[t * in + j]));
            h[t] = charged<charge, R>(v, std::fma(current[t], scale[j], shift[j]), k, v_reset);
            R reset = soft ? h[t] - theta : v_reset;
            v = h[t] >= theta ? reset : h[t];
            in_all += current[t];
        }, std::make_integer_sequence<int, T>());
        unrolled([&](auto before) {
            constexpr int t = T - 1 - before;
            R gy = gradient.potential(h[t], R(load(grads[t * step + j])), carried) * gradient.input;
            sum += gy;
            product += gy * (current[t] - mean[j]);
            if constexpr (kind == kEveryStep) store(&dy[t * in + j], gy);
        }, std::make_integer_sequence<int, T>());
        if constexpr (kind != kEveryStep) store(&dy[j], sum);
        if constexpr (kind == kSummedWithInput) store(&x_sum[j], in_all);
        first[j] += sum;
        second[j] += product;
    }
}

// The same for any number of steps, and with the gradient of the leak of a PLIF neuron.
template <Charge charge, Gradients kind, class S, class R>
R backward_long(const S* x, const S* grads, S* dy, S* x_sum, const R* scale, const R* shift, const R* mean, Scratch<R>& scratch,
                const Shape& shape, const Neuron& neuron, int64_t length) {
    const Gradient<charge, R> gradient(neuron);
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset);
    const bool soft = neuron.soft;
    R *carried = scratch.carried.data(), *grad = scratch.grad.data(), *in_all = scratch.in_all.data();
    R *first = scratch.first.data(), *second = scratch.second.data();
    R leak_sum = 0;
    charge_tile<charge>(x, scale, shift, scratch.h.data(), carried, shape, neuron, length);
    std::fill(carried, carried + length, R(0));
    std::fill(grad, grad + length, R(0));
    std::fill(in_all, in_all + length, R(0));
    for (int64_t t = shape.T - 1; t >= 0; --t) {
        const R *h_t = scratch.h.data() + t * length, *h_before = h_t - (t ? length : 0);
        const S *x_t = x + t * shape.step(), *grads_t = grads + t * shape.gradient_step();
        S* dy_t = dy + t * shape.step();
#pragma omp simd reduction(+ : leak_sum)
        for (int64_t j = 0; j < length; ++j) {
            R in = R(load(x_t[j])), gh = gradient.potential(h_t[j], R(load(grads_t[j])), carried[j]);
            R gy = gh * gradient.input;
            first[j] += gy;
            second[j] += gy * (in - mean[j]);
            if constexpr (Gradient<charge, R>::learned) {
                R reset = soft ? h_before[j] - theta : v_reset;
                R v = t == 0 ? v_reset : h_before[j] >= theta ? reset : h_before[j];
                R driven = charge == kPLIF ? in * scale[j] + shift[j] : R(0);
                leak_sum += gh * (driven - (v - v_reset));
            }
            if constexpr (kind == kEveryStep) {
                store(&dy_t[j], gy);
            } else {
                grad[j] += gy;
            }
            if constexpr (kind == kSummedWithInput) in_all[j] += in;
        }
    }
    for (int64_t j = 0; kind != kEveryStep && j < length; ++j) store(&dy[j], grad[j]);
    for (int64_t j = 0; kind == kSummedWithInput && j < length; ++j) store(&x_sum[j], in_all[j]);
    return leak_sum;
}

template <Charge charge, Gradients kind, class S, class R>
R backward_tile(const S* x, const S* grads, S* dy, S* x_sum, const R* scale, const R* shift, const R* mean, Scratch<R>& scratch,
                const Shape& shape, const Neuron& neuron, int64_t length) {
    if constexpr (!Gradient<charge, R>::learned) {
        if (shape.T == 1 || shape.T == 4) {
            const auto run = shape.T == 4 ? backward_short<4, charge, kind, S, R> : backward_short<1, charge, kind, S, R>;
            run(x, grads, dy, x_sum, scale, shift, mean, scratch, shape, neuron, length);
            return 0;
        }
    }
    return backward_long<charge, kind>(x, grads, dy, x_sum, scale, shift, mean, scratch, shape, neuron, length);
}

template <Charge charge, class S>
void backward(const S* x, const S* grads, S* dy, S* x_sum, const typename Compute<S>::type* scale,
              const typename Compute<S>::type* shift, const typename Compute<S>::type* mean, const Shape& shape,
              const Neuron& neuron, double* sums, double* leak_sums, int64_t threads) {
    using R = typename Compute<S>::type;
    const int64_t length = tile_length(shape, kSums, 1), features = shape.features(), C = shape.C;
    const std::vector<R> scales = repeated(scale, C, length), shifts = repeated(shift, C, length);
    const std::vector<R> means = repeated(mean, C, length);
#pragma omp parallel num_threads(threads)
    {
        Scratch<R> scratch(shape.T, length);
#pragma omp for schedule(static)
        for (int64_t n = 0; n < shape.N; ++n) {
            std::fill(scratch.first.begin(), scratch.first.end(), R(0));
            std::fill(scratch.second.begin(), scratch.second.end(), R(0));
            leak_sums[n] = 0;
            for (int64_t from = 0; from < features; from += length) {
                const int64_t at = n * features + from;
                const auto tile = shape.shared     ? backward_tile<charge, kSummed, S, R>
                                  : shape.constant ? backward_tile<charge, kSummedWithInput, S, R>
                                                   : backward_tile<charge, kEveryStep, S, R>;
                leak_sums[n] += tile(x + at, grads + at, dy + at, x_sum + at, scales.data(), shifts.data(),
                                                      means.data(), scratch, shape, neuron, std::min(length, features - from));
            }
            double* mine = sums + n * 2 * C;
            std::fill(mine, mine + 2 * C, 0.0);
            fold(scratch.first.data(), length, C, mine);
            fold(scratch.second.data(), length, C, mine + C);
        }
    }
}

template <class S, class R>
void combine_rows(S* dy, const S* x, const R* a, const R* b, const R* c, int64_t rows, int64_t positions, int64_t C,
                  int64_t threads) {
    const Shape shape{1, rows, positions, C, 0, 0};
    const int64_t length = tile_length(shape, kSums, 1), features = shape.features();
    const std::vector<R> as = repeated(a, C, length), bs = repeated(b, C, length), cs = repeated(c, C, length);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t from = 0; from < features; from += length) {
            S* dy_tile = dy + row * features + from;
            const S* x_tile = x + row * features + from;
            const int64_t size = std::min(length, features - from);
#pragma omp simd
            for (int64_t j = 0; j < size; ++j) {
                store(&dy_tile[j], as[j] * R(load(dy_tile[j])) + bs[j] * R(load(x_tile[j])) + cs[j]);
            }
        }
    }
}

// Synapses that each row reaches: through inputs that are not zero, and with an input of k counted k times.
// False if an input is no whole number of at least 0 and below 2^24.
bool reach_rows(const float* x, const int64_t* fan_out, int64_t rows, int64_t positions, int64_t C, int64_t* events,
                int64_t* accumulates, int64_t threads) {
    int64_t others = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : others)
    for (int64_t row = 0; row < rows; ++row) {
        int64_t nonzero = 0, total = 0;
        for (int64_t p = 0; p < positions; ++p) {
            const float* at = x + (row * positions + p) * C;
            int32_t count = 0, sum = 0, odd = 0;
#pragma omp simd reduction(+ : count, sum, odd)
            for (int64_t c = 0; c < C; ++c) {
                int32_t whole = int32_t(at[c]);
                count += at[c] != 0.0f ? 1 : 0;
                sum += whole;
                odd += (float(whole) != at[c] ? 1 : 0) + (whole < 0 ? 1 : 0) + (whole >= (1 << 24) ? 1 : 0);
            }
            nonzero += count * fan_out[p];
            total += sum * fan_out[p];
            others += odd;
        }
        events[row] = nonzero;
        accumulates[row] = total;
    }
    return others == 0;
}

template <class Run>
void with_charge(int64_t charge, Run run) {
    switch (charge) {
        case kIF: return run(std::integral_constant<Charge, kIF>());
        case kLIF: return run(std::integral_constant<Charge, kLIF>());
        case kLIFUndecayed: return run(std::integral_constant<Charge, kLIFUndecayed>());
        case kPLIF: return run(std::integral_constant<Charge, kPLIF>());
        case kRate: return run(std::integral_constant<Charge, kRate>());
        default: return run(std::integral_constant<Charge, kPLIFUndecayed>());
    }
}

template <class S, class O>
void fire_any(const void* x, void* out, const void* scale, const void* shift, const Shape& shape, const Neuron& neuron,
              int32_t* counts, int64_t* fired, int64_t shards, int64_t first, int64_t threads) {
    using R = typename Compute<S>::type;
    with_charge(neuron.charge, [&](auto charge) {
        constexpr Charge kind = decltype(charge)::value;
        auto run = counts ? fire<kind, true, S, O> : fire<kind, false, S, O>;
        run((const S*)x, (O*)out, (const R*)scale, (const R*)shift, shape, neuron, counts, fired, shards, first, threads);
    });
}

template <class S>
void rectify_any(const void* x, void* out, const void* scale, const void* shift, const Shape& shape,
                 const Neuron& neuron, int64_t threads) {
    using R = typename Compute<S>::type;
    rectify((const S*)x, (S*)out, (const R*)scale, (const R*)shift, shape, neuron, threads);
}

template <class S>
void backward_any(const void* x, const void* grads, void* dy, void* x_sum, const void* scale, const void* shift, const void* mean,
                  const Shape& shape, const Neuron& neuron, double* sums, double* leak_sums, int64_t threads) {
    using R = typename Compute<S>::type;
    with_charge(neuron.charge, [&](auto charge) {
        backward<decltype(charge)::value, S>((const S*)x, (const S*)grads, (S*)dy, (S*)x_sum, (const R*)scale, (const R*)shift,
                                             (const R*)mean, shape, neuron, sums, leak_sums, threads);
    });
}

}  // namespace

// Element types: 0 float32, 1 bfloat16, 2 float64. Spikes may also be bytes (type 3) where the currents are float32.
extern "C" {

void snn_fire(int64_t type, int64_t out_type, const void* x, void* out, const void* scale, const void* shift,
              const Shape* shape, const Neuron* neuron, int32_t* counts, int64_t* fired, int64_t shards, int64_t first,
              int64_t threads) {
    auto run = type == 1 ? fire_any<bf16, bf16> : type == 2 ? fire_any<double, double> : fire_any<float, float>;
    if (out_type == 3) run = fire_any<float, uint8_t>;
    run(x, out, scale, shift, *shape, *neuron, counts, fired, shards, first, threads);
}

void snn_rectify(int64_t type, const void* x, void* out, const void* scale, const void* shift, const Shape* shape,
                 const Neuron* neuron, int64_t threads) {
    auto run = type == 1 ? rectify_any<bf16> : type == 2 ? rectify_any<double> : rectify_any<float>;
    run(x, out, scale, shift, *shape, *neuron, threads);
}

void snn_backward(int64_t type, const void* x, const void* grads, void* dy, void* x_sum, const void* scale, const void* shift,
                  const void* mean, const Shape* shape, const Neuron* neuron, double* sums, double* leak_sums,
                  int64_t threads) {
    auto run = type == 1 ? backward_any<bf16> : type == 2 ? backward_any<double> : backward_any<float>;
    run(x, grads, dy, x_sum, scale, shift, mean, *shape, *neuron, sums, leak_sums, threads);
}

void snn_sum_rows(int64_t type, const void* x, int64_t rows, int64_t positions, int64_t C, double* sums,
                  int64_t threads) {
    if (type == 1) return sum_rows((const bf16*)x, rows, positions, C, sums, threads);
    if (type == 2) return sum_rows((const double*)x, rows, positions, C, sums, threads);
    sum_rows((const float*)x, rows, positions, C, sums, threads);
}

int64_t snn_reach_rows(const float* x, const int64_t* fan_out, int64_t rows, int64_t positions, int64_t C, int64_t* events,
                       int64_t* accumulates, int64_t threads) {
    return reach_rows(x, fan_out, rows, positions, C, events, accumulates, threads);
}

void snn_combine_rows(int64_t type, void* dy, const void* x, const void* a, const void* b, const void* c, int64_t rows,
                      int64_t positions, int64_t C, int64_t threads) {
    if (type == 1)
        return combine_rows((bf16*)dy, (const bf16*)x, (const float*)a, (const float*)b, (const float*)c, rows, positions,
                            C, threads);
    if (type == 2)
        return combine_rows((double*)dy, (const double*)x, (const double*)a, (const double*)b, (const double*)c, rows,
                            positions, C, threads);
    combine_rows((float*)dy, (const float*)x, (const float*)a, (const float*)b, (const float*)c, rows, positions, C,
                 threads);
}
}
