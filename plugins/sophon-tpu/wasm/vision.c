// What preparing a picture spends its time in, with 128-bit vectors: build.sh compiles it.
#include <stdint.h>
#include <wasm_simd128.h>

// The two passes of Pillow's bicubic resize: src/bicubic-simd.ts calls them, src/bicubic-scalar.ts says what they compute.
//
// Coefficients have 22 bits after the point and up to 24 bits in all. A vector multiplies and adds pairs of 16-bit
// numbers, so each is stored as high * 2^11 + low, and those of two neighbours share 32 bits.

// Joins the sums of both halves and rounds, as 32-bit numbers that are bytes but for overshoot.
static inline v128_t settle(v128_t high, v128_t low) {
  v128_t sum = wasm_i32x4_add(wasm_i32x4_shl(high, 11), low);
  return wasm_i32x4_shr(wasm_i32x4_add(sum, wasm_i32x4_splat(1 << 21)), 22);
}

static inline v128_t dot(v128_t values, const int32_t *taps) {
  return wasm_i32x4_dot_i16x8(values, wasm_v128_load32_splat(taps));
}

// Four source pixels at a time. first: in bytes from the row's start; taps: per target pixel, for each four source
// pixels, low and high of the first two, then of the others. Reads up to 12 * quads + 4 bytes past the last pixel
// it needs, where coefficients are 0, and writes 1 byte past the last row.
__attribute__((export_name("rows"))) void rows(const uint8_t *source, int stride, int count, uint8_t *target, int to,
                                               const int32_t *first, const int32_t *taps, int quads) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (int row = 0; row < count; row++, source += stride) {
    const int32_t *tap = taps;
    for (int out = 0; out < to; out++, target += 3) {
      const uint8_t *pixel = source + first[out];
      v128_t low = zero, high = zero;
      for (int quad = 0; quad < quads; quad++, pixel += 12, tap += 4) {
        v128_t four = wasm_v128_load(pixel);
        // Red of two neighbours, green of both, blue of both, each byte widened to 16 bits.
        v128_t a = wasm_i8x16_shuffle(four, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
        v128_t b = wasm_i8x16_shuffle(four, zero, 6, 16, 9, 16, 7, 16, 10, 16, 8, 16, 11, 16, 16, 16, 16, 16);
        low = wasm_i32x4_add(low, wasm_i32x4_add(dot(a, tap), dot(b, tap + 2)));
        high = wasm_i32x4_add(high, wasm_i32x4_add(dot(a, tap + 1), dot(b, tap + 3)));
      }
      v128_t words = wasm_i16x8_narrow_i32x4(settle(high, low), zero);
      wasm_v128_store32_lane(target, wasm_u8x16_narrow_i16x8(words, words), 0);
    }
  }
}

// Sixteen bytes of two source rows at a time. first: in bytes from the source's start; taps: per target row, for each two
// source rows, low and high. Reads up to 2 * pairs rows and 15 bytes past the last row it needs, where coefficients are
// 0, and writes 15 bytes past the last row.
__attribute__((export_name("columns"))) void columns(const uint8_t *source, int stride, uint8_t *target, int to,
                                                     const int32_t *first, const int32_t *taps, int pairs) {
  const v128_t zero = wasm_i32x4_splat(0);
  for (int out = 0; out < to; out++, target += stride, taps += 2 * pairs) {
    for (int x = 0; x < stride; x += 16) {
      v128_t low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};
      const uint8_t *row = source + first[out] + x;
      const int32_t *tap = taps;
      for (int pair = 0; pair < pairs; pair++, row += 2 * stride, tap += 2) {
        v128_t a = wasm_v128_load(row), b = wasm_v128_load(row + stride);
        v128_t left = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        v128_t right = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        v128_t values[4] = {wasm_u16x8_extend_low_u8x16(left), wasm_u16x8_extend_high_u8x16(left),
                            wasm_u16x8_extend_low_u8x16(right), wasm_u16x8_extend_high_u8x16(right)};
        for (int at = 0; at < 4; at++) {
          low[at] = wasm_i32x4_add(low[at], dot(values[at], tap));
          high[at] = wasm_i32x4_add(high[at], dot(values[at], tap + 1));
        }
      }
      v128_t first8 = wasm_i16x8_narrow_i32x4(settle(high[0], low[0]), settle(high[1], low[1]));
      v128_t last8 = wasm_i16x8_narrow_i32x4(settle(high[2], low[2]), settle(high[3], low[3]));
      wasm_v128_store(target + x, wasm_u8x16_narrow_i16x8(first8, last8));
    }
  }
}

// One colour of 16 pixels as the model's numbers, to target and to target + later.
static inline void normalise(v128_t bytes, float *target, int later) {
  const v128_t middle = wasm_f32x4_splat(127.5f);
  v128_t left = wasm_u16x8_extend_low_u8x16(bytes), right = wasm_u16x8_extend_high_u8x16(bytes);
  v128_t words[4] = {wasm_u32x4_extend_low_u16x8(left), wasm_u32x4_extend_high_u16x8(left),
                     wasm_u32x4_extend_low_u16x8(right), wasm_u32x4_extend_high_u16x8(right)};
  for (int at = 0; at < 4; at++) {
    v128_t value = wasm_f32x4_div(wasm_f32x4_sub(wasm_f32x4_convert_i32x4(words[at]), middle), middle);
    wasm_v128_store(target + 4 * at, value);
    wasm_v128_store(target + 4 * at + later, value);
  }
}

// Cuts a picture into patches of 16x16 in merge-block order: src/patches.ts says how they lie. Writes one moment of each
// patch, and the same again `later` floats on.
__attribute__((export_name("patches"))) void patches(const uint8_t *source, int width, int height, float *target,
                                                     int later) {
  for (int top = 0; top < height; top += 32) {
    for (int left = 0; left < width; left += 32) {
      for (int block = 0; block < 4; block++, target += 1536) {
        const uint8_t *pixel = source + ((top + (block >> 1) * 16) * width + left + (block & 1) * 16) * 3;
        for (int row = 0; row < 16; row++, pixel += width * 3) {
          v128_t a = wasm_v128_load(pixel), b = wasm_v128_load(pixel + 16), c = wasm_v128_load(pixel + 32);
          v128_t red = wasm_i8x16_shuffle(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
          v128_t green = wasm_i8x16_shuffle(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
          v128_t blue = wasm_i8x16_shuffle(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
          red = wasm_i8x16_shuffle(red, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
          green = wasm_i8x16_shuffle(green, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
          blue = wasm_i8x16_shuffle(blue, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
          float *plane = target + row * 16;
          normalise(red, plane, later);
          normalise(green, plane + 512, later);
          normalise(blue, plane + 1024, later);
        }
      }
    }
  }
}
