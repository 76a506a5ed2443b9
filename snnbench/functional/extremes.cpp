// Smallest and largest of floats in one pass. Bits of floats become whole numbers of the same order, which compilers
// compare many at a time; what is not a number comes out beyond the infinities.

#include <cstdint>

extern "C" {

// Puts the smallest and the largest such number in found[2].
void find_extremes(const int32_t* bits, int64_t count, int32_t* found) {
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (int64_t i = 0; i < count; ++i) {
        int32_t value = bits[i] ^ ((bits[i] >> 31) & INT32_MAX);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    found[0] = low, found[1] = high;
}
}
