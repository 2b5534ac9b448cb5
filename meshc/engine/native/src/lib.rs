//! The compiled data path of meshc's engine: `meshc.engine.proto.datapath.contract` in Rust.
//!
//! Each function releases the interpreter lock while it works. What it is given are buffers and
//! places in them; every place is checked, and a wrong one is a `ValueError`. What a peer sent
//! never raises. Without the feature `python` there is only what needs no interpreter: for tests.
#![cfg_attr(not(feature = "python"), allow(dead_code))]

#[cfg(feature = "python")]
mod buffer;
#[cfg(feature = "python")]
mod lanes;
#[cfg(feature = "python")]
mod python;

mod admit;
mod checksum;
mod coalesce;
mod delivery;
mod keys;
mod segment;
mod serve;
mod sys;
mod transmit;
mod window;
