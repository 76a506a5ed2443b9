// Spike trains as codes: bit t of a neuron's code is its spike at step t. Values are read as bit patterns, as in
// counting.cpp.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

constexpr uint32_t kOne = 0x3f800000;  // of a 32-bit float

int64_t popcount(uint64_t code) { return __builtin_popcountll(code); }

uint8_t popcount(uint8_t code) {
    code = code - ((code >> 1) & 0x55);
    code = (code & 0x33) + ((code >> 2) & 0x33);
    return (code + (code >> 4)) & 0x0f;
}

template <class Code>
uint32_t pack(const uint32_t* spikes, int64_t width, int64_t step, Code* codes, int64_t* events) {
    uint32_t others = 0, fired = 0;
    for (int64_t i = 0; i < width; ++i) {
        uint32_t x = spikes[i], hit = x == kOne;
        others |= x & (hit - 1);
        fired += hit;
        codes[i] |= Code(Code(hit) << step);
    }
    *events = fired;
    return others;
}

template <class Code, class Narrow>
void count(const Code* codes, int64_t samples, int64_t width, int64_t groups, int64_t first, int64_t* counts) {
    constexpr int64_t kBlock = 1024;
    for (int64_t start = 0; start < width; start += kBlock) {
        int64_t size = start + kBlock < width ? kBlock : width - start;
        for (int64_t group = 0; group < groups && group < samples; ++group) {
            int64_t* row = counts + (first + group) % groups * width + start;
            Narrow sums[kBlock] = {};
            int64_t added = 0;
            for (int64_t n = group; n < samples; n += groups) {
                const Code* code = codes + n * width + start;
                for (int64_t i = 0; i < size; ++i) sums[i] += Narrow(popcount(code[i]));
                if (++added == 31 || n + groups >= samples) {  // 31 * 8 fits 8 bits, 31 * 64 fits 16
                    for (int64_t i = 0; i < size; ++i) row[i] += sums[i];
                    std::memset(sums, 0, sizeof sums);
                    added = 0;
                }
            }
        }
    }
}

// Squared distance of two trains, of which the steps in `differ` differ: the sum over pairs of those of
// d_j d_k decay^|j - k|, one step after the other.
template <class Code>
double squared(Code mine, Code differ, const double* decay) {
    double total = 0, trace = 0;
    int before = 0;
    for (uint64_t left = differ; left; left &= left - 1) {
        int step = __builtin_ctzll(left);
        double d = mine >> step & 1 ? 1 : -1;
        trace *= decay[step - before];
        total += 1 + 2 * d * trace;
        trace += d;
        before = step;
    }
    return total;
}

struct Compared {
    double distance;
    int64_t shift, both, differing, fired;
};

double distance(uint8_t mine, uint8_t theirs, const double* table, int64_t timesteps) {
    return table[(int64_t(mine) << timesteps) + theirs];
}

double distance(uint64_t mine, uint64_t theirs, const double* decay, int64_t) {
    return std::sqrt(squared(mine, mine ^ theirs, decay));
}

template <class Code>
void tally(const Code* mine, const Code* theirs, int64_t width, Compared* found) {
    uint64_t both = 0, differing = 0, fired = 0;
    constexpr int64_t kBlock = 1 << 16;  // partial sums of 32 bits are twice as many at once
    for (int64_t start = 0; start < width; start += kBlock) {
        int64_t stop = start + kBlock < width ? start + kBlock : width;
        uint32_t all = 0, unlike = 0, ones = 0;
        for (int64_t i = start; i < stop; ++i) {
            Code a = mine[i], b = theirs[i];
            all += (a != 0) & (b != 0);
            unlike += uint32_t(popcount(Code(a ^ b)));
            ones += uint32_t(popcount(Code(a | b)));
        }
        both += all, differing += unlike, fired += ones;
    }
    found->both = both, found->differing = differing, found->fired = fired;
}

template <class Code>
void compare(const Code* mine, const Code* theirs, int64_t width, const double* kernel, int64_t timesteps,
             Compared* found) {
    tally(mine, theirs, width, found);
    constexpr int64_t kWord = 8 / sizeof(Code);
    for (int64_t start = 0; start < width; start += kWord) {
        int64_t size = start + kWord < width ? kWord : width - start;
        if (!std::memcmp(mine + start, theirs + start, size * sizeof(Code))) continue;
        for (int64_t i = start; i < start + size; ++i) {
            Code a = mine[i], b = theirs[i];
            if (a == b) continue;
            found->distance += distance(a, b, kernel, timesteps);
            if (a && b) found->shift += __builtin_ctzll(a) - __builtin_ctzll(b);
        }
    }
}

}  // namespace

extern "C" {

// Adds a step of `samples` samples of `width` 32-bit floats, `stride` values apart, to codes[samples][width] of `size`
// bytes and puts the number of spikes in events[samples]; returns whether every value is 0 or 1.
int64_t pack_step(int64_t size, const uint32_t* spikes, int64_t stride, int64_t samples, int64_t width, int64_t step,
                  void* codes, int64_t* events) {
    uint32_t others = 0;
    for (int64_t n = 0; n < samples; ++n) {
        const uint32_t* row = spikes + n * stride;
        others |= size == 1 ? pack(row, width, step, (uint8_t*)codes + n * width, events + n)
                            : pack(row, width, step, (uint64_t*)codes + n * width, events + n);
    }
    return others == 0;
}

// Adds the spikes of each neuron to counts[groups][width]; sample n is of group (first + n) % groups.
void count_codes(int64_t size, const void* codes, int64_t samples, int64_t width, int64_t groups, int64_t first,
                 int64_t* counts) {
    if (size == 1) count<uint8_t, uint8_t>((const uint8_t*)codes, samples, width, groups, first, counts);
    else count<uint64_t, uint16_t>((const uint64_t*)codes, samples, width, groups, first, counts);
}

// Distance of every pair of trains of up to 8 steps; decay[k] is the kernel k steps later.
void fill_distances(int64_t timesteps, const double* decay, double* table) {
    int64_t codes = int64_t(1) << timesteps;
    for (int64_t a = 0; a < codes; ++a)
        for (int64_t b = 0; b < codes; ++b) table[a * codes + b] = std::sqrt(squared(uint64_t(a), uint64_t(a ^ b), decay));
}

// Compares each sample of two networks; found[samples] was 0, `kernel` is a table of distances for codes of a byte,
// else the decay.
void compare_codes(int64_t size, const void* mine, const void* theirs, int64_t samples, int64_t width,
                   const double* kernel, int64_t timesteps, Compared* found) {
    for (int64_t n = 0; n < samples; ++n) {
        int64_t at = n * width;
        if (size == 1)
            compare((const uint8_t*)mine + at, (const uint8_t*)theirs + at, width, kernel, timesteps, found + n);
        else
            compare((const uint64_t*)mine + at, (const uint64_t*)theirs + at, width, kernel, timesteps, found + n);
    }
}
}
