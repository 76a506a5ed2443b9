// The kernel of a neuron's charge, of element types, and of the site where its potentials are quantized.

#pragma once

#include "backward.h"
#include "forward.h"
#include "memory.h"

namespace {

template <class Run>
void with_charge(int64_t charge, Run run) {
    switch (charge) {
        case kIF:
            return run(std::integral_constant<Charge, kIF>());
        case kLIF:
            return run(std::integral_constant<Charge, kLIF>());
        case kLIFUndecayed:
            return run(std::integral_constant<Charge, kLIFUndecayed>());
        case kPLIF:
            return run(std::integral_constant<Charge, kPLIF>());
        case kRate:
            return run(std::integral_constant<Charge, kRate>());
        default:
            return run(std::integral_constant<Charge, kPLIFUndecayed>());
    }
}

template <Site site, class S, class O>
void fire_at(const void* x, void* out, const void* scale, const void* shift, const Shape& shape, const Neuron& neuron,
             void* states, int32_t* counts, int64_t* fired, int64_t shards, int64_t first, int64_t threads) {
    using R = typename Compute<S>::type;
    with_charge(neuron.charge, [&](auto charge) {
        constexpr Charge kind = decltype(charge)::value;
        if constexpr (site == kNowhere || kind != kRate) {
            const auto run = counts ? fire<kind, site, true, S, O> : fire<kind, site, false, S, O>;
            run((const S*)x, (O*)out, (const R*)scale, (const R*)shift, shape, neuron, (R*)states, counts, fired, shards,
                first, threads);
        }
    });
}

template <Site site, class S>
void backward_at(const void* x, const void* grads, void* dy, void* x_sum, const void* scale, const void* shift,
                 const void* mean, const Shape& shape, const Neuron& neuron, double* sums, double* learned,
                 int64_t threads) {
    using R = typename Compute<S>::type;
    with_charge(neuron.charge, [&](auto charge) {
        constexpr Charge kind = decltype(charge)::value;
        if constexpr (site == kNowhere || kind != kRate) {
            backward<kind, site>((const S*)x, (const S*)grads, (S*)dy, (S*)x_sum, (const R*)scale, (const R*)shift,
                                 (const R*)mean, shape, neuron, sums, learned, threads);
        }
    });
}

}  // namespace
