//! Registry traffic against servers of our own on 127.0.0.1: every request is counted, nothing waits for a clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod addresses;
mod answers;
mod authorization;
mod credentials;
mod environment;
mod limits;
mod places;
mod redirects;
mod referrers;
mod server;
mod signatures;
mod tls;
