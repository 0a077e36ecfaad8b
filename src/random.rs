//! Numbers that look random and are the same every time.

/// What the state of [`SplitMix`] grows by.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One step of [`SplitMix`] from a state: its number, whose bits are mixed well.
pub(crate) fn mixed(state: u64) -> u64 {
    let z = state.wrapping_add(GOLDEN);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The `SplitMix64` generator of Steele, Lea & Flood (2014): a few lines where any generator would do.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let z = mixed(self.0);
        self.0 = self.0.wrapping_add(GOLDEN);
        usize::try_from((u128::from(z) * n as u128) >> 64).expect("below n")
    }

    /// A standard normal number (Box & Muller 1958).
    #[cfg(feature = "report")]
    pub(crate) fn normal(&mut self) -> f64 {
        const STEPS: usize = 1 << 53;
        let unit = |n: usize| (n as f64 + 0.5) / STEPS as f64;
        let (radius, angle) = (unit(self.below(STEPS)), unit(self.below(STEPS)));
        (-2.0 * libm::log(radius)).sqrt() * libm::cos(std::f64::consts::TAU * angle)
    }
}
