// Multi-step neurons in one pass over memory forward and one backward, with batch norm and spike counting fused in.
//
// Memory is channels-last: x[t][n][position][channel]. With `shared` the input is x[n][position][channel], the same at
// every step (direct encoding). A tile is a stretch of whole positions that stays in the first-level cache.
// Sums over a batch are added per sample and then in the order of the samples, so threads do not change them.
// Rounding is PyTorch's: batch norm by a fused multiply-add, the neuron's equations without (contraction is off).

#include "gradient.h"
#include "neurons.h"
#include "rows.h"

namespace {

template <class S>
void rectify_any(const void* x, void* out, const void* scale, const void* shift, const Shape& shape,
                 const Neuron& neuron, int64_t threads) {
    using R = typename Compute<S>::type;
    rectify((const S*)x, (S*)out, (const R*)scale, (const R*)shift, shape, neuron, threads);
}

}  // namespace

// Element types: 0 float32, 1 bfloat16, 2 float64. Spikes may also be bytes (type 3) where the currents are float32.
extern "C" {

void snn_fire(int64_t type, int64_t out_type, const void* x, void* out, const void* scale, const void* shift,
              const Shape* shape, const Neuron* neuron, void* states, int32_t* counts, int64_t* fired, int64_t shards,
              int64_t first, int64_t threads) {
    auto run = type == 1   ? fire_at<kNowhere, bf16, bf16>
               : type == 2 ? fire_at<kNowhere, double, double>
                           : fire_at<kNowhere, float, float>;
    if (out_type == 3) run = fire_at<kNowhere, float, uint8_t>;
    run(x, out, scale, shift, *shape, *neuron, states, counts, fired, shards, first, threads);
}

void snn_rectify(int64_t type, const void* x, void* out, const void* scale, const void* shift, const Shape* shape,
                 const Neuron* neuron, int64_t threads) {
    auto run = type == 1 ? rectify_any<bf16> : type == 2 ? rectify_any<double> : rectify_any<float>;
    run(x, out, scale, shift, *shape, *neuron, threads);
}

void snn_backward(int64_t type, const void* x, const void* grads, void* dy, void* x_sum, const void* scale,
                  const void* shift, const void* mean, const Shape* shape, const Neuron* neuron, double* sums,
                  double* learned, int64_t threads) {
    auto run = type == 1   ? backward_at<kNowhere, bf16>
               : type == 2 ? backward_at<kNowhere, double>
                           : backward_at<kNowhere, float>;
    run(x, grads, dy, x_sum, scale, shift, mean, *shape, *neuron, sums, learned, threads);
}

void snn_sum_rows(int64_t type, const void* x, int64_t rows, int64_t positions, int64_t C, double* sums,
                  int64_t threads) {
    if (type == 1) return sum_rows((const bf16*)x, rows, positions, C, sums, threads);
    if (type == 2) return sum_rows((const double*)x, rows, positions, C, sums, threads);
    sum_rows((const float*)x, rows, positions, C, sums, threads);
}

void snn_mean_steps(const void* x, void* mean, int64_t T, int64_t size, int64_t threads) {
    mean_steps((const bf16*)x, (bf16*)mean, T, size, threads);
}

int64_t snn_reach_rows(const float* x, const int64_t* fan_out, int64_t rows, int64_t positions, int64_t C,
                       int64_t* events, int64_t* accumulates, int64_t threads) {
    return reach_rows(x, fan_out, rows, positions, C, events, accumulates, threads);
}

void snn_convolve_events(int64_t type, const void* x, const float* weight, void* y, int64_t images, int64_t channels,
                         const Window* window, int64_t threads) {
    if (type == 1) return convolve_events((const bf16*)x, weight, (bf16*)y, images, channels, *window, threads);
    convolve_events((const float*)x, weight, (float*)y, images, channels, *window, threads);
}

int64_t snn_weight_gradient(int64_t type, const void* x, const float* gradient, float* dw, int64_t images,
                            const Window* window, int64_t threads) {
    if (type == 1) return weight_gradient((const bf16*)x, gradient, dw, images, *window, threads);
    return weight_gradient((const float*)x, gradient, dw, images, *window, threads);
}

void snn_combine_rows(int64_t type, void* dy, const void* x, const void* a, const void* b, const void* c, int64_t rows,
                      int64_t positions, int64_t C, int64_t threads) {
    if (type == 1)
        return combine_rows((bf16*)dy, (const bf16*)x, (const float*)a, (const float*)b, (const float*)c, rows,
                            positions, C, threads);
    if (type == 2)
        return combine_rows((double*)dy, (const double*)x, (const double*)a, (const double*)b, (const double*)c, rows,
                            positions, C, threads);
    combine_rows((float*)dy, (const float*)x, (const float*)a, (const float*)b, (const float*)c, rows, positions, C,
                 threads);
}
}
