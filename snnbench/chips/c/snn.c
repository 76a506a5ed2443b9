/* A spiking network of whole numbers: C11, no memory is asked for, and nothing is rounded but as network.h says. */
#include "snn.h"

#include "neuron.h"

uint64_t overflows[LAYERS];

static int16_t arriving[LARGEST_INPUT];
static number sums[LARGEST_LAYER];
static number potential[LARGEST_LAYER];
#if HAS_CURRENT
static number current[LARGEST_LAYER];
#endif

/* One step of all neurons of a layer. */
static void step(const struct layer *layer, int index, uint8_t *spikes) {
    int positions = layer->out_height * layer->out_width, outputs = layer->outputs;
    uint64_t over = 0;
    for (int at = 0; at < positions; at++)
        for (int o = 0; o < outputs; o++) {
            int n = at * outputs + o;
            number i = accumulated(sums[n] * ((number)1 << layer->shift[o]), &over);
#if HAS_CURRENT
            i = current[n] = followed(current[n], i, layer->current_factor, layer->current_bits);
#endif
            number h = integrated(potential[n], i, layer->bias[o], layer->leak_factor, layer->leak_bits, &over);
            spikes[n] = (uint8_t)fire(&h, layer->threshold[o], layer->resets_to_zero, layer->most_spikes);
            potential[n] = h;
        }
    overflows[index] += over;
}

/* What arrives at a layer in a step: the sum of its sources' spikes, [height][width][inputs]. */
static void gather(const struct layer *layer, int t) {
    int size = layer->height * layer->width * layer->inputs;
    for (int n = 0; n < size; n++)
        arriving[n] = 0;
    for (int s = 0; s < layer->source_count; s++) {
        const uint8_t *spikes = layers[layer->sources[s]].spikes + (int64_t)t * size;
        for (int n = 0; n < size; n++)
            arriving[n] = (int16_t)(arriving[n] + spikes[n]);
    }
}

static void add_weights(const struct layer *layer, int y, int x, int c, number value) {
    for (int ky = 0; ky < layer->kernel_height; ky++) {
        int top = y + layer->padding_y - ky;
        if (top < 0 || top % layer->stride_y || top / layer->stride_y >= layer->out_height)
            continue;
        for (int kx = 0; kx < layer->kernel_width; kx++) {
            int left = x + layer->padding_x - kx;
            if (left < 0 || left % layer->stride_x || left / layer->stride_x >= layer->out_width)
                continue;
            int at = top / layer->stride_y * layer->out_width + left / layer->stride_x;
            number *restrict sum = sums + (int64_t)at * layer->outputs;
            const int16_t *restrict code =
                layer->codes + (((int64_t)c * layer->kernel_height + ky) * layer->kernel_width + kx) * layer->outputs;
            for (int o = 0; o < layer->outputs; o++)
                sum[o] += value * code[o];
        }
    }
}

/* Sums of the weights that what arrives reaches. */
static void accumulate(const struct layer *layer) {
    int size = layer->out_height * layer->out_width * layer->outputs;
    for (int n = 0; n < size; n++)
        sums[n] = 0;
    for (int y = 0; y < layer->height; y++)
        for (int x = 0; x < layer->width; x++)
            for (int c = 0; c < layer->inputs; c++) {
                number value = arriving[(y * layer->width + x) * layer->inputs + c];
                if (value)
                    add_weights(layer, y, x, c, value);
            }
}

static void run_layer(const struct layer *layer, int index, const int16_t *image) {
    int size = layer->out_height * layer->out_width * layer->outputs, positions = layer->height * layer->width;
    for (int n = 0; n < size; n++) {
        potential[n] = stored(layer->start[n % layer->outputs]);
#if HAS_CURRENT
        current[n] = 0;
#endif
    }
    for (int t = 0; t < STEPS; t++) {
        if (layer->source_count)
            gather(layer, t);
        else if (t == 0)
            for (int c = 0; c < layer->inputs; c++)
                for (int at = 0; at < positions; at++)
                    arriving[at * layer->inputs + c] = image[c * positions + at];
        if (layer->source_count || t == 0)
            accumulate(layer);
        step(layer, index, layer->spikes + (int64_t)t * size);
    }
}

static void count(int64_t *counts) {
    for (int s = 0; s < READOUT_SOURCES; s++) {
        const struct layer *layer = &layers[readout_sources[s]];
        int64_t size = (int64_t)STEPS * layer->out_height * layer->out_width * FEATURES;
        for (int64_t n = 0; n < size; n++)
            counts[n % FEATURES] += layer->spikes[n];
    }
}

void run(const int16_t *image, int64_t *logits) {
    int64_t counts[FEATURES] = {0};
    for (int l = 0; l < LAYERS; l++)
        run_layer(&layers[l], l, image);
    count(counts);
    for (int k = 0; k < CLASSES; k++) {
        logits[k] = READOUT_HAS_CODES ? readout_bias[k] * STEPS * POSITIONS : counts[k];
        for (int f = 0; READOUT_HAS_CODES && f < FEATURES; f++)
            logits[k] += readout_codes[k][f] * counts[f];
    }
}
