#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verimage_fuzz::admission(data));
