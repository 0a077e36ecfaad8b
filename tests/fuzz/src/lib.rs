//! The properties under attack, shared with `cargo test`.

#[path = "../../attack/properties.rs"]
pub mod properties;

/// The Parquet library panics at some damaged files, and rolecall makes an error of that;
/// the fuzzer's hook must not take it for a finding.
pub fn expect_damage() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !rolecall::readers::parquet::is_reading() {
            hook(panic);
        }
    }));
}
