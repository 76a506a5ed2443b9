/* One neuron, as network.h says. */
#ifndef NEURON_H
#define NEURON_H

#include <stdint.h>

#include "network.h"

typedef NUMBER number;

/* x / 2**bits, rounded down; shifts of negative numbers are not defined in C. */
static inline number halved(number x, int bits) {
    return x >= 0 ? x >> bits : ~(~x >> bits);
}

static inline number divided(number x, int bits, int rounding) {
    number down = halved(x, bits), rest = x - down * ((number)1 << bits);
    number half = bits ? (number)1 << (bits - 1) : 1;
    switch (rounding) {
    case ROUND_ZERO:
        return down + (x < 0 && rest > 0);
    case ROUND_AWAY:
        return down + (x > 0 && rest > 0);
    case ROUND_HALF_EVEN:
        return down + (rest > half || (rest == half && down % 2 != 0));
    default:
        return down;
    }
}

static inline number lost(number x, int factor, int bits, int rounding, int least) {
    number amount = factor ? divided(x * factor, bits, rounding) : 0;
    if (factor && amount == 0 && x != 0)
        return x > 0 ? least : -least;
    return amount;
}

static inline number fitted(number x, int bits, int wraps) {
    number high = (((number)1 << (bits - 2)) - 1) * 2 + 1, low = -high - 1;
    if (!wraps)
        return x < low ? low : x > high ? high : x;
    if (x >= low && x <= high)
        return x;
    number span = (number)1 << bits, rest = (x - low) % span;
    return (rest < 0 ? rest + span : rest) + low;
}

/* The sum of a step's events as its accumulator holds it. */
static inline number accumulated(number sum, uint64_t *over) {
#if HAS_ACCUMULATOR
    number held = fitted(sum, ACCUMULATOR_BITS, ACCUMULATOR_WRAPS);
    *over += held != sum;
    return held;
#else
    (void)over;
    return sum;
#endif
}

static inline number stored(number v) {
    return fitted(v, MEMBRANE_BITS, MEMBRANE_WRAPS);
}

/* The potential after the current and bias of a step. */
static inline number integrated(number v, number i, number bias, int factor, int bits, uint64_t *over) {
    number decayed = MEMBRANE_ADDS_FIRST ? v : v - lost(v, factor, bits, MEMBRANE_ROUNDING, MEMBRANE_LEAST);
    number whole = decayed + i + bias, h = stored(whole);
    if (MEMBRANE_ADDS_CHANGE && !MEMBRANE_ADDS_FIRST)
        h = stored(v + stored(stored(decayed - v + i) + bias));
    *over += whole != h;
    return MEMBRANE_ADDS_FIRST ? h - lost(h, factor, bits, MEMBRANE_ROUNDING, MEMBRANE_LEAST) : h;
}

static inline int fire(number *h, number threshold, int resets_to_zero, int most) {
    number reached = *h - TEST_IS_STRICT, count = reached >= threshold;
    if (MOST_SPIKES > 1 && count && !resets_to_zero) {
        count = reached / threshold;
        count = count < most ? count : most;
    }
    *h -= resets_to_zero ? (count ? *h : 0) : count * threshold;
    return (int)count;
}

#if HAS_CURRENT
static inline number followed(number i, number events, int factor, int bits) {
    if (CURRENT_ADDS_FIRST) {
        number whole = fitted(i + events, CURRENT_BITS, CURRENT_WRAPS);
        return whole - lost(whole, factor, bits, CURRENT_ROUNDING, CURRENT_LEAST);
    }
    return fitted(i - lost(i, factor, bits, CURRENT_ROUNDING, CURRENT_LEAST) + events, CURRENT_BITS, CURRENT_WRAPS);
}
#endif

#endif
