// Neurons whose potentials are quantized: a library of its own, since most networks do without and it takes as long to
// build as all the others.

#include "neurons.h"

// As in kernels.cpp; potentials are quantized in float32, of currents in float32 and bfloat16.
extern "C" {

void snn_fire(int64_t type, int64_t out_type, const void* x, void* out, const void* scale, const void* shift,
              const Shape* shape, const Neuron* neuron, void* states, int32_t* counts, int64_t* fired, int64_t shards,
              int64_t first, int64_t threads) {
    const bool before = neuron->site == kPreSpike;
    auto run = before ? fire_at<kPreSpike, float, float> : fire_at<kPostReset, float, float>;
    if (type == 1) run = before ? fire_at<kPreSpike, bf16, bf16> : fire_at<kPostReset, bf16, bf16>;
    if (out_type == 3) run = before ? fire_at<kPreSpike, float, uint8_t> : fire_at<kPostReset, float, uint8_t>;
    run(x, out, scale, shift, *shape, *neuron, states, counts, fired, shards, first, threads);
}

void snn_backward(int64_t type, const void* x, const void* grads, void* dy, void* x_sum, const void* scale,
                  const void* shift, const void* mean, const Shape* shape, const Neuron* neuron, double* sums,
                  double* learned, int64_t threads) {
    const bool before = neuron->site == kPreSpike;
    auto run = before ? backward_at<kPreSpike, float> : backward_at<kPostReset, float>;
    if (type == 1) run = before ? backward_at<kPreSpike, bf16> : backward_at<kPostReset, bf16>;
    run(x, grads, dy, x_sum, scale, shift, mean, *shape, *neuron, sums, learned, threads);
}
}
