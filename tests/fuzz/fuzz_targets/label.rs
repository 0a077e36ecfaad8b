#![no_main]
libfuzzer_sys::fuzz_target!(init: rolecall_fuzz::expect_damage(), |data: &[u8]| rolecall_fuzz::properties::label(data));
