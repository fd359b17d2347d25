//! Winograd's one-dimensional transforms for kernels of 3 (Lavin and Gray, 2015, section 4).

use pulp::Simd;

use crate::cpu::mul_add;

/// The one-dimensional transforms: `IN` inputs and 3 weights give `OUT` outputs.
pub(super) trait Transform<const IN: usize, const OUT: usize> {
    /// `G g`
    fn weights<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; IN];
    /// `B' d`
    fn input<S: Simd>(simd: S, d: [S::f32s; IN]) -> [S::f32s; IN];
    /// `A' x`
    fn output<S: Simd>(simd: S, x: [S::f32s; IN]) -> [S::f32s; OUT];
}

/// F(2, 3).
pub(super) struct F2;

impl Transform<4, 2> for F2 {
    #[inline(always)]
    fn weights<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 4] {
        let half = simd.splat_f32s(0.5);
        let sum = simd.add_f32s(a, c);
        [a, simd.mul_f32s(simd.add_f32s(sum, b), half), simd.mul_f32s(simd.sub_f32s(sum, b), half), c]
    }

    #[inline(always)]
    fn input<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(simd.sub_f32s(b, c), d)]
    }
}

/// F(4, 3), from the points 0, 1, -1, 2, -2.
pub(super) struct F4;

impl Transform<6, 4> for F4 {
    #[inline(always)]
    fn weights<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 6] {
        let ones = simd.mul_f32s(simd.add_f32s(a, c), simd.splat_f32s(-1.0 / 6.0));
        let b1 = simd.mul_f32s(b, simd.splat_f32s(1.0 / 6.0));
        let twos = mul_add(simd, c, simd.splat_f32s(1.0 / 6.0), simd.mul_f32s(a, simd.splat_f32s(1.0 / 24.0)));
        let b2 = simd.mul_f32s(b, simd.splat_f32s(1.0 / 12.0));
        [
            simd.mul_f32s(a, simd.splat_f32s(0.25)),
            simd.sub_f32s(ones, b1),
            simd.add_f32s(ones, b1),
            simd.add_f32s(twos, b2),
            simd.sub_f32s(twos, b2),
            c,
        ]
    }

    #[inline(always)]
    fn input<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
        let number = |x| simd.splat_f32s(x);
        let even = mul_add(simd, c, number(-4.0), e); // e - 4c
        let odd = mul_add(simd, b, number(-4.0), d); // d - 4b
        let difference = simd.sub_f32s(e, c);
        let twice = simd.mul_f32s(simd.sub_f32s(d, b), number(2.0));
        [
            mul_add(simd, a, number(4.0), mul_add(simd, c, number(-5.0), e)),
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(difference, twice),
            simd.sub_f32s(difference, twice),
            mul_add(simd, b, number(4.0), mul_add(simd, d, number(-5.0), f)),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let number = |x| simd.splat_f32s(x);
        let (sum1, difference1) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (sum2, difference2) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        [
            simd.add_f32s(simd.add_f32s(a, sum1), sum2),
            mul_add(simd, difference2, number(2.0), difference1),
            mul_add(simd, sum2, number(4.0), sum1),
            simd.add_f32s(mul_add(simd, difference2, number(8.0), difference1), f),
        ]
    }
}
