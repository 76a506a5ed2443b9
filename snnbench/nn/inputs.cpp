// What the inputs of a layer of synapses cause, in one pass over memory.

#include <cmath>
#include <cstdint>

namespace {

constexpr int64_t kBlock = 1024;
constexpr float kSmall = 1 << 12;     // as many as there are channels may be added
constexpr float kLargest = 1 << 24;  // whole numbers beyond are not told apart in 32 bits

struct Flags {
    uint32_t real, other;  // not 0 where an input is no whole number, and where one is not 0 or 1
};

// What one row causes, channels beside each other at every position; returns whether an input is too large for that.
bool read_row(const float* row, int64_t channels, int64_t positions, const int64_t* fan, int64_t* reached,
              int64_t* weighted, int64_t* fired, Flags* flags) {
    uint32_t large = 0;
    for (int64_t position = 0; position < positions; ++position, row += channels) {
        uint32_t hits = 0, sum = 0, real = 0, other = 0;
        for (int64_t i = 0; i < channels; ++i) {
            float size_of = std::fabs(row[i]);
            uint32_t hit = row[i] != 0, small = size_of < kSmall;
            hits += hit;
            sum += uint32_t(int32_t(small ? size_of : 0));
            real |= !(std::rint(row[i]) == row[i]);
            other |= hit & (row[i] != 1);
            large |= !small;
        }
        *reached += hits * fan[position];
        *weighted += sum * fan[position];
        *fired += hits;
        flags->real |= real, flags->other |= other;
    }
    return large;
}

}  // namespace

extern "C" {

// `read_inputs` of rows of positions x channels floats, whose channels lie beside each other. Returns -1, with nothing
// filled, if an input is so large that its sums might not be exact.
int64_t read_inputs_last(const float* rows, int64_t count, int64_t channels, int64_t positions, const int64_t* fan,
                         int64_t* events, int64_t* accumulates, int64_t* active) {
    Flags flags = {0, 0};
    for (int64_t row = 0; row < count; ++row, rows += channels * positions) {
        int64_t reached = 0, weighted = 0, fired = 0;
        if (read_row(rows, channels, positions, fan, &reached, &weighted, &fired, &flags)) return -1;
        events[row] = reached, accumulates[row] = weighted, active[row] = fired;
    }
    return flags.real ? 2 : flags.other ? 1 : 0;
}

// Rows of channels x positions floats; an input at a position reaches fan[position] synapses. Fills, for each row,
// synapses reached by inputs that are not 0, the same with an input of k or -k counted k times, and the number of inputs
// that are not 0. Returns 0 if all inputs are 0 or 1, 1 if all are whole numbers, else 2.
int64_t read_inputs(const float* rows, int64_t count, int64_t channels, int64_t positions, const int64_t* fan,
                    int64_t* events, int64_t* accumulates, int64_t* active) {
    Flags flags = {0, 0};
    for (int64_t row = 0; row < count; ++row, rows += channels * positions) {
        int64_t reached = 0, weighted = 0, fired = 0;
        for (int64_t start = 0; start < positions; start += kBlock) {
            int64_t size = start + kBlock < positions ? kBlock : positions - start;
            uint32_t hits[kBlock] = {};
            float sums[kBlock] = {};
            for (int64_t channel = 0; channel < channels; ++channel) {
                const float* x = rows + channel * positions + start;
                uint32_t real = 0, other = 0;
                for (int64_t i = 0; i < size; ++i) {
                    float size_of = std::fabs(x[i]);
                    uint32_t hit = x[i] != 0;
                    hits[i] += hit;
                    sums[i] += size_of;
                    real |= !(std::rint(x[i]) == x[i]) | !(size_of < kLargest);
                    other |= hit & (x[i] != 1);
                }
                flags.real |= real;
                flags.other |= other;
            }
            for (int64_t i = 0; i < size; ++i) {
                reached += hits[i] * fan[start + i];
                fired += hits[i];
                if (!flags.real) weighted += int64_t(sums[i]) * fan[start + i];
            }
        }
        events[row] = reached, accumulates[row] = weighted, active[row] = fired;
    }
    return flags.real ? 2 : flags.other ? 1 : 0;
}
}
