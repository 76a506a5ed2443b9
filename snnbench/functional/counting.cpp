// Counting spikes in one pass over memory. A value is read as its bit pattern: a spike is the pattern of 1, no spike
// is the pattern of 0, and any other pattern is reported, not counted.

#include <cstdint>

namespace {

// Adds where the rows at `a`, and every `stride` values behind it, are 1; returns a pattern that is 0 if all are binary.
template <int kRows, class Bits>
Bits add_rows(const Bits* a, int64_t stride, int64_t width, Bits one, uint8_t* counts) {
    Bits others = 0;
    for (int64_t i = 0; i < width; ++i) {
        Bits ones = 0;
        for (int row = 0; row < kRows; ++row) {
            Bits x = a[row * stride + i], hit = x == one;
            ones += hit;
            others |= x & (hit - 1);
        }
        counts[i] += uint8_t(ones);
    }
    return others;
}

template <class Bits>
Bits count(const Bits* rows, int64_t stride, int64_t samples, int64_t width, Bits one, int64_t groups, uint8_t* counts,
           int64_t* totals) {
    Bits others = 0;
    for (int64_t group = 0; group < groups; ++group, counts += width) {
        int64_t n = group, step = groups * stride;
        for (; n + 3 * groups < samples; n += 4 * groups)
            others |= add_rows<4>(rows + n * stride, step, width, one, counts);
        for (; n < samples; n += groups) others |= add_rows<1>(rows + n * stride, step, width, one, counts);
        for (int64_t i = 0; i < width; ++i) totals[group] += counts[i];
    }
    return others;
}

template <class Bits>
Bits compare(const Bits* a, const Bits* b, int64_t width, Bits one, int64_t* found) {
    Bits others = 0;
    constexpr int64_t kBlock = 128;  // more would not fit the partial sums of 8-bit values
    for (int64_t start = 0; start < width; start += kBlock) {
        int64_t stop = start + kBlock < width ? start + kBlock : width;
        Bits differing = 0, fired = 0;
        for (int64_t i = start; i < stop; ++i) {
            Bits x = a[i] == one, y = b[i] == one;
            others |= (a[i] & (x - 1)) | (b[i] & (y - 1));
            differing += x ^ y;
            fired += x | y;
        }
        found[0] += differing;
        found[1] += fired;
    }
    return others;
}

template <class Bits>
int64_t count_as(const void* rows, int64_t stride, int64_t samples, int64_t width, int64_t one, int64_t groups,
                 uint8_t* counts, int64_t* totals) {
    return count((const Bits*)rows, stride, samples, width, Bits(one), groups, counts, totals) == 0;
}

template <class Bits>
int64_t compare_as(const void* a, int64_t stride, const void* b, int64_t other_stride, int64_t samples, int64_t width,
                   int64_t one, int64_t* found) {
    Bits others = 0;
    for (int64_t n = 0; n < samples; ++n)
        others |= compare((const Bits*)a + n * stride, (const Bits*)b + n * other_stride, width, Bits(one), found);
    return others == 0;
}

}  // namespace

extern "C" {

// Samples of one step, `stride` values apart, of `width` values of `size` bytes: the spikes of sample n are of group
// n % groups, at most 255 samples a group. Fills counts[groups][width] and totals[groups], which were 0; returns
// whether every value is 0 or 1.
int64_t count_spikes(int64_t size, const void* rows, int64_t stride, int64_t samples, int64_t width, int64_t one,
                     int64_t groups, uint8_t* counts, int64_t* totals) {
    auto counting = size == 1 ? count_as<uint8_t> : size == 2 ? count_as<uint16_t> :
                    size == 4 ? count_as<uint32_t> : count_as<uint64_t>;
    return counting(rows, stride, samples, width, one, groups, counts, totals);
}

// Adds to found[0] where two networks' samples differ, and to found[1] where at least one fires.
int64_t compare_spikes(int64_t size, const void* a, int64_t stride, const void* b, int64_t other_stride,
                       int64_t samples, int64_t width, int64_t one, int64_t* found) {
    auto comparing = size == 1 ? compare_as<uint8_t> : size == 2 ? compare_as<uint16_t> :
                     size == 4 ? compare_as<uint32_t> : compare_as<uint64_t>;
    return comparing(a, stride, b, other_stride, samples, width, one, found);
}
}
