#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verimage_fuzz::notary_collection(data));
