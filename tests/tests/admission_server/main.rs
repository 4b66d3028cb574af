//! The admission server, `verimage-server`, as an API server meets it.

mod credentials;
mod doors;
mod faults;
mod shared;
mod world;
