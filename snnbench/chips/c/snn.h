/* A spiking network of whole numbers: its interface. Sizes are in network.h. */
#ifndef SNN_H
#define SNN_H

#include <stdint.h>

#include "network.h"

/* One spiking layer. A linear layer is a convolution whose kernel is as large as its input. */
struct layer {
    const int16_t *codes;     /* [inputs][kernel_height][kernel_width][outputs] */
    const int32_t *threshold; /* [outputs], as are the next three */
    const int32_t *bias;
    const int32_t *start;
    const uint8_t *shift;
    uint8_t *spikes; /* [STEPS][out_height][out_width][outputs] */
    int inputs, height, width;
    int outputs, out_height, out_width;
    int kernel_height, kernel_width, stride_y, stride_x, padding_y, padding_x;
    int leak_factor, leak_bits, current_factor, current_bits;
    int resets_to_zero, most_spikes;
    int source_count; /* 0: the image */
    int sources[MOST_SOURCES];
};

extern const struct layer layers[LAYERS];
extern const int16_t input_table[CHANNELS][256]; /* what a pixel's byte enters as */
extern const int readout_sources[READOUT_SOURCES];
extern const int16_t readout_codes[CLASSES][FEATURES];
extern const int64_t readout_bias[CLASSES];

/* Potentials that did not fit in their bits, by layer, over all images so far. */
extern uint64_t overflows[LAYERS];

/* Logits of one image [CHANNELS][HEIGHT][WIDTH]; the layers' spikes stay until the next. */
void run(const int16_t *image, int64_t *logits);

#endif
