/* The neurons of a layer over a batch of images, from sums of weights that a library computed. */
#include "neuron.h"

#define MOST_OUTPUTS 4096

struct constants {
    const int32_t *threshold, *bias, *start, *shift; /* [outputs] */
    int64_t images, positions, outputs, shared;      /* shared: the same sums at every step */
    int32_t steps, leak_factor, leak_bits, current_factor, current_bits, resets_to_zero, most_spikes;
};

struct row {
    number potential[MOST_OUTPUTS];
#if HAS_CURRENT
    number current[MOST_OUTPUTS];
#endif
};

/* One step of the neurons at one place. Leak and reset are told apart by whoever calls, so that the loop is plain. */
static inline uint64_t step(
    const float *restrict sum, uint8_t *restrict fired, struct row *restrict row, const struct constants *of,
    int leak_factor, int resets_to_zero) {
    const int32_t *restrict threshold = of->threshold, *restrict bias = of->bias, *restrict shift = of->shift;
    int outputs = (int)of->outputs, over = 0;
    for (int o = 0; o < outputs; o++) {
        uint64_t beyond = 0;
        number i = accumulated((number)sum[o] * ((number)1 << shift[o]), &beyond);
#if HAS_CURRENT
        i = row->current[o] = followed(row->current[o], i, of->current_factor, of->current_bits);
#endif
        number h = integrated(row->potential[o], i, bias[o], leak_factor, of->leak_bits, &beyond);
        fired[o] = (uint8_t)fire(&h, threshold[o], resets_to_zero, of->most_spikes);
        row->potential[o] = h;
        over += (int)beyond;
    }
    return (uint64_t)over;
}

static uint64_t step_of(const float *sum, uint8_t *fired, struct row *row, const struct constants *of) {
    if (of->leak_factor == 0)
        return of->resets_to_zero ? step(sum, fired, row, of, 0, 1) : step(sum, fired, row, of, 0, 0);
    int factor = of->leak_factor;
    return of->resets_to_zero ? step(sum, fired, row, of, factor, 1) : step(sum, fired, row, of, factor, 0);
}

/* Sums [steps or 1][images][positions][outputs], whole numbers, to spikes [steps][images][positions][outputs], and how
   many potentials of each image did not fit in their bits [images]. */
void fire_batch(const float *sums, uint8_t *spikes, uint64_t *over, const struct constants *of) {
    int64_t outputs = of->outputs, places = of->images * of->positions, size = places * outputs;
    static _Thread_local struct row row;
    for (int64_t at = 0; at < places; at++) {
        for (int64_t o = 0; o < outputs; o++) {
            row.potential[o] = fitted(of->start[o], MEMBRANE_BITS, MEMBRANE_WRAPS);
#if HAS_CURRENT
            row.current[o] = 0;
#endif
        }
        for (int t = 0; t < of->steps; t++)
            over[at / of->positions] +=
                step_of(sums + (of->shared ? 0 : t * size) + at * outputs, spikes + t * size + at * outputs, &row, of);
    }
}
