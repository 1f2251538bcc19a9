/// When jobs arrive, in nanoseconds from the begin: a Poisson process of `per_second` over `time_ns`;
/// the same numbers as benchmarks/support/arrivals.hpp.
pub fn poisson_arrivals(per_second: f64, time_ns: u64) -> Vec<u64> {
    let mut state: u64 = 20_240_229;
    let mut random = move || {
        state = state.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut arrivals = vec![];
    let mut at = 0.0;
    loop {
        at -= (-random()).ln_1p() * 1e9 / per_second;
        if at >= time_ns as f64 {
            return arrivals;
        }
        arrivals.push(at as u64);
    }
}
