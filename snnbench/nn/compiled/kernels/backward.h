// Neurons backward: potentials computed again, then gradients and their sums for batch norm.

#pragma once

#include "forward.h"

namespace {

// Gradients of a layer's learned scalars: the leak of a PLIF neuron and the threshold. Of a rectifier's threshold it is
// the sum of the gradient times the current, which the caller scales.
template <class R>
struct Learned {
    R leak = 0, theta = 0;
};

template <class R>
struct Scratch {
    std::vector<R> h, carried, grad, in_all, first, second;
    Scratch(int64_t T, int64_t length)
        : h(T * length), carried(length), grad(length), in_all(length), first(length), second(length) {}
};

// The potential that is stored of a charged one `h`.
template <Site site, class R>
inline R stored(R h, R theta, R v_reset, bool soft, const Quantizer<R>& quantized) {
    if constexpr (site == kPreSpike) h = quantized(h);
    R v = after(h, theta, v_reset, soft);
    if constexpr (site == kPostReset) v = quantized(v);
    return v;
}

// Potentials h[t] of one tile as they were charged in the forward pass, before they are quantized.
template <Charge charge, Site site, class S, class R>
void charge_tile(const S* x, const R* scale, const R* shift, R* h, R* v, const Shape& shape, const Neuron& neuron,
                 int64_t length) {
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), k = R(neuron.k);
    const Quantizer<R> quantized(neuron);
    const bool soft = neuron.soft;
    std::fill(v, v + length, R(neuron.start));
    for (int64_t t = 0; t < shape.T; ++t) {
        const S* x_t = x + t * shape.step();
        R* h_t = h + t * length;
#pragma omp simd
        for (int64_t j = 0; j < length; ++j) {
            R y = std::fma(R(load(x_t[j])), scale[j], shift[j]);
            h_t[j] = charged<charge, R>(v[j], y, k, v_reset);
            v[j] = stored<site>(h_t[j], theta, v_reset, soft, quantized);
        }
    }
}

// The backward pass of one step: the surrogate is an arctangent's derivative, and a spike's reset is part of the graph
// unless it is detached.
template <Charge charge, class R>
struct Gradient {
    static constexpr bool learned = charge == kPLIF || charge == kPLIFUndecayed;
    R theta, leak, input, keep, half, slope, kept, by_spike, by_height, saturated, lowered;

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
        lowered = neuron.soft ? 1 : 0;
    }

    // With respect to the potential h; `carried` is the gradient of the stored potential after it, then before it.
    // The threshold's gradient is added to `to_theta`.
    inline R potential(R h, R spike, R& carried, R& to_theta) const {
        if constexpr (charge == kRate) {
            R line = h >= theta && h <= saturated ? spike * slope : R(0);
            to_theta += line * h;
            return line;
        }
        R u = (h - theta) * slope;
        R gs = spike + carried * (by_spike + by_height * h);
        R through = gs * (half / (R(1) + u * u));
        to_theta -= through + (h < theta ? R(0) : lowered * carried);
        R gh = carried * (h < theta ? R(1) : kept) + through;
        carried = gh * keep;
        return gh;
    }
};

// Gradient of one tile with respect to the current, and its sums for batch norm; T steps in registers. `x_sum`, the sum
// of the input over steps, is written where gradients are summed and inputs are not the same.
template <int T, Charge charge, Gradients kind, class S, class R>
R backward_short(const S* x, const S* grads, S* dy, S* x_sum, const R* scale, const R* shift, const R* mean,
                    Scratch<R>& scratch, const Shape& shape, const Neuron& neuron, int64_t length) {
    const Gradient<charge, R> gradient(neuron);
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), k = R(neuron.k);
    const R start = R(neuron.start), by_theta = R(neuron.by_theta);
    const bool soft = neuron.soft;
    const int64_t in = shape.step(), step = shape.gradient_step();
    R *first = scratch.first.data(), *second = scratch.second.data(), to_theta = 0;
#pragma omp simd reduction(+ : to_theta)
    for (int64_t j = 0; j < length; ++j) {
        R h[T], current[T], spike[T], v = start, carried = 0, sum = 0, product = 0, in_all = 0, theta_sum = 0;
        unrolled(  // all loads first: GCC moves later ones into branches, and then has no vectors for 256 bits
            [&](auto t) {
                current[t] = R(load(x[t * in + j]));
                spike[t] = R(load(grads[t * step + j]));
            },
            std::make_integer_sequence<int, T>());
        unrolled(
            [&](auto t) {
                h[t] = charged<charge, R>(v, std::fma(current[t], scale[j], shift[j]), k, v_reset);
                R reset = soft ? h[t] - theta : v_reset;
                v = h[t] >= theta ? reset : h[t];
                in_all += current[t];
            },
            std::make_integer_sequence<int, T>());
        unrolled(
            [&](auto before) {
                constexpr int t = T - 1 - before;
                R gy = gradient.potential(h[t], spike[t], carried, theta_sum) * gradient.input;
                sum += gy;
                product += gy * (current[t] - mean[j]);
                if constexpr (kind == kEveryStep) store(&dy[t * in + j], gy);
            },
            std::make_integer_sequence<int, T>());
        if constexpr (kind != kEveryStep) store(&dy[j], sum);
        if constexpr (kind == kSummedWithInput) store(&x_sum[j], in_all);
        first[j] += sum;
        second[j] += product;
        to_theta += theta_sum + by_theta * carried;
    }
    return to_theta;
}

// With respect to the charged potential `h` of one step, through the neuron and the quantizer of its potentials.
template <Site site, Charge charge, class R>
inline R through_step(const Gradient<charge, R>& gradient, const Quantizer<R>& quantized, R h, R spike, R v_reset,
                      bool soft, R& carried, R& to_theta) {
    const R fires = site == kPreSpike ? quantized(h) : h;
    if constexpr (site == kPostReset)
        carried = quantized.through(after(h, gradient.theta, v_reset, soft), carried, to_theta);
    R gh = gradient.potential(fires, spike, carried, to_theta);
    if constexpr (site == kPreSpike) {
        gh = quantized.through(h, gh, to_theta);
        carried = gh * gradient.keep;
    }
    return gh;
}

// The same for any number of steps, with quantized potentials, and with the gradient of the leak of a PLIF neuron.
template <Charge charge, Site site, Gradients kind, class S, class R>
Learned<R> backward_long(const S* x, const S* grads, S* dy, S* x_sum, const R* scale, const R* shift, const R* mean,
                Scratch<R>& scratch, const Shape& shape, const Neuron& neuron, int64_t length) {
    const Gradient<charge, R> gradient(neuron);
    const Quantizer<R> quantized(neuron);
    const R theta = R(neuron.theta), v_reset = R(neuron.v_reset), start = R(neuron.start);
    const bool soft = neuron.soft;
    R *carried = scratch.carried.data(), *grad = scratch.grad.data(), *in_all = scratch.in_all.data();
    R *first = scratch.first.data(), *second = scratch.second.data();
    R leak_sum = 0, to_theta = 0;
    charge_tile<charge, site>(x, scale, shift, scratch.h.data(), carried, shape, neuron, length);
    std::fill(carried, carried + length, R(0));
    std::fill(grad, grad + length, R(0));
    std::fill(in_all, in_all + length, R(0));
    for (int64_t t = shape.T - 1; t >= 0; --t) {
        const R *h_t = scratch.h.data() + t * length, *h_before = h_t - (t ? length : 0);
        const S *x_t = x + t * shape.step(), *grads_t = grads + t * shape.gradient_step();
        S* dy_t = dy + t * shape.step();
#pragma omp simd reduction(+ : leak_sum, to_theta)
        for (int64_t j = 0; j < length; ++j) {
            R theta_sum = 0;
            R in = R(load(x_t[j]));
            R gh = through_step<site>(gradient, quantized, h_t[j], R(load(grads_t[j])), v_reset, soft, carried[j],
                                      theta_sum);
            R gy = gh * gradient.input;
            to_theta += theta_sum;
            first[j] += gy;
            second[j] += gy * (in - mean[j]);
            if constexpr (Gradient<charge, R>::learned) {
                R v = t == 0 ? start : stored<site>(h_before[j], theta, v_reset, soft, quantized);
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
    for (int64_t j = 0; j < length; ++j) to_theta += R(neuron.by_theta) * carried[j];
    return {leak_sum, to_theta};
}

template <Charge charge, Site site, Gradients kind, class S, class R>
Learned<R> backward_tile(const S* x, const S* grads, S* dy, S* x_sum, const R* scale, const R* shift, const R* mean,
                Scratch<R>& scratch, const Shape& shape, const Neuron& neuron, int64_t length) {
    if constexpr (!Gradient<charge, R>::learned && site == kNowhere) {
        if (shape.T == 1 || shape.T == 4) {
            const auto run =
                shape.T == 4 ? backward_short<4, charge, kind, S, R> : backward_short<1, charge, kind, S, R>;
            return {R(0), run(x, grads, dy, x_sum, scale, shift, mean, scratch, shape, neuron, length)};
        }
    }
    return backward_long<charge, site, kind>(x, grads, dy, x_sum, scale, shift, mean, scratch, shape, neuron, length);
}

template <Charge charge, Site site, class S>
void backward(const S* x, const S* grads, S* dy, S* x_sum, const typename Compute<S>::type* scale,
              const typename Compute<S>::type* shift, const typename Compute<S>::type* mean, const Shape& shape,
              const Neuron& neuron, double* sums, double* learned, int64_t threads) {
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
            double *leak = learned + 2 * n, *theta = leak + 1;
            *leak = *theta = 0;
            for (int64_t from = 0; from < features; from += length) {
                const int64_t at = n * features + from;
                const auto tile = shape.shared     ? backward_tile<charge, site, kSummed, S, R>
                                  : shape.constant ? backward_tile<charge, site, kSummedWithInput, S, R>
                                                   : backward_tile<charge, site, kEveryStep, S, R>;
                const Learned<R> part = tile(x + at, grads + at, dy + at, x_sum + at, scales.data(), shifts.data(),
                                             means.data(), scratch, shape, neuron, std::min(length, features - from));
                *leak += part.leak, *theta += part.theta;
            }
            double* mine = sums + n * 2 * C;
            std::fill(mine, mine + 2 * C, 0.0);
            fold(scratch.first.data(), length, C, mine);
            fold(scratch.second.data(), length, C, mine + C);
        }
    }
}

}  // namespace
