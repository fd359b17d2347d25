//! The instruction sets that kernels are compiled for, and the choice among them at run time.

use std::any::TypeId;

use pulp::{Scalar256b, Simd, WithSimd};

/// An instruction set of this CPU. It fixes the number of channels in a block of the layout.
#[derive(Clone, Copy, Debug)]
pub struct Cpu(Set);

#[derive(Clone, Copy, Debug)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    /// Plain Rust on groups of 8 values, which the compiler vectorises as far as the target allows.
    Portable,
}

/// A computation that is compiled once for each instruction set. `L` is the number of `f32` in a vector.
pub(crate) trait Kernel {
    fn run<S: Simd, const L: usize>(self, simd: S);
}

impl Cpu {
    /// The widest instruction set of this CPU.
    pub fn detect() -> Self {
        Self::all().next().unwrap_or(Self(Set::Portable))
    }

    /// Every instruction set of this CPU, the widest first; the last is portable.
    pub fn all() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let sets = [pulp::x86::V4::try_new().map(Set::Avx512), pulp::x86::V3::try_new().map(Set::Avx2)];
        #[cfg(target_arch = "aarch64")]
        let sets = [pulp::aarch64::Neon::try_new().map(Set::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let sets: [Option<Set>; 0] = [];
        sets.into_iter().flatten().chain([Set::Portable]).map(Self)
    }

    /// The widest instruction set whose vectors a layer of `channels` channels fills, else the narrowest.
    pub fn for_channels(channels: usize) -> Self {
        let sets = Self::all().filter(|cpu| !matches!(cpu.0, Set::Portable));
        sets.reduce(|wide, narrow| if wide.lanes() <= channels { wide } else { narrow }).unwrap_or(Self(Set::Portable))
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => "neon",
            Set::Portable => "portable",
        }
    }

    /// Number of `f32` in a vector, which is the number of channels in a block.
    pub(crate) fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => 16,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => 8,
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => 4,
            Set::Portable => 8,
        }
    }

    pub(crate) fn run<K: Kernel>(self, kernel: K) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(simd) => Simd::vectorize(simd, Dispatch(kernel)),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(simd) => Simd::vectorize(simd, Dispatch(kernel)),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(simd) => Simd::vectorize(simd, Dispatch(kernel)),
            Set::Portable => Scalar256b.vectorize(Dispatch(kernel)),
        }
    }
}

struct Dispatch<K>(K);

impl<K: Kernel> WithSimd for Dispatch<K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.0.run::<S, 16>(simd),
            8 => self.0.run::<S, 8>(simd),
            _ => self.0.run::<S, 4>(simd),
        }
    }
}

/// `a * b + c`, fused where the instruction set has such an instruction.
#[inline(always)]
pub(crate) fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if TypeId::of::<S>() == TypeId::of::<Scalar256b>() {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_f32s(a, b, c)
    }
}

/// `a` as vectors; its length is a multiple of the number of lanes.
#[inline(always)]
pub(crate) fn vectors<S: Simd>(a: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(a).0
}

/// `a` as vectors; its length is a multiple of the number of lanes.
#[inline(always)]
pub(crate) fn vectors_mut<S: Simd>(a: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(a).0
}
