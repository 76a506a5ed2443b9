// Row by row: sums for batch norm, its backward pass, means over time, and the synapses that inputs reach.

#pragma once

#include "memory.h"

namespace {

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

// Mean over T steps of `size` elements, summed and divided in 32 bits.
void mean_steps(const bf16* x, bf16* mean, int64_t T, int64_t size, int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t from = 0; from < size; from += kSums) {
        const int64_t length = std::min(kSums, size - from);
        float sums[kSums] = {};
        for (int64_t t = 0; t < T; ++t) {
#pragma omp simd
            for (int64_t j = 0; j < length; ++j) sums[j] += load(x[t * size + from + j]);
        }
#pragma omp simd
        for (int64_t j = 0; j < length; ++j) store(&mean[from + j], sums[j] / float(T));
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

}  // namespace
