/* Reads images, bytes [CHANNELS][HEIGHT][WIDTH] each, from the file that is named or from stdin; for each it prints the
   class, the logits, and the number of spikes of each layer. */
#include <inttypes.h>
#include <stdio.h>

#include "snn.h"

static int64_t spikes_of(const struct layer *layer) {
    int64_t size = (int64_t)STEPS * layer->out_height * layer->out_width * layer->outputs, total = 0;
    for (int64_t n = 0; n < size; n++)
        total += layer->spikes[n];
    return total;
}

static void show(const int64_t *logits) {
    int best = 0;
    for (int k = 1; k < CLASSES; k++)
        best = logits[k] > logits[best] ? k : best;
    printf("%d", best);
    for (int k = 0; k < CLASSES; k++)
        printf(" %" PRId64, logits[k]);
    for (int l = 0; l < LAYERS; l++)
        printf(" %" PRId64, spikes_of(&layers[l]));
    printf("\n");
}

int main(int count, char **words) {
    static uint8_t bytes[CHANNELS * HEIGHT * WIDTH];
    static int16_t image[CHANNELS * HEIGHT * WIDTH];
    int64_t logits[CLASSES];
    FILE *file = count > 1 ? fopen(words[1], "rb") : stdin;
    size_t found;
    if (!file) {
        fprintf(stderr, "cannot read %s\n", words[1]);
        return 2;
    }
    while ((found = fread(bytes, 1, sizeof bytes, file)) == sizeof bytes) {
        for (int n = 0; n < CHANNELS * HEIGHT * WIDTH; n++)
            image[n] = input_table[n / (HEIGHT * WIDTH)][bytes[n]];
        run(image, logits);
        show(logits);
    }
    if (found) {
        fprintf(stderr, "the last image has %zu of %zu bytes\n", found, sizeof bytes);
        return 2;
    }
    return 0;
}
