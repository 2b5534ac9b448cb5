//! The lanes as Python sees them: sessions that packets may take without the interpreter.

use crate::admit::{sender, Admit, Entry, Message};
use crate::buffer::Borrowed;
use crate::coalesce::Writes;
use crate::keys::Misuse;
use crate::python::{OpeningKey, SealingKey};
use crate::sys;
use crate::transmit::{Transmit, Way};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The session of a peer to which packets go.
#[pyclass]
pub struct OutLane {
    key: Py<SealingKey>,
    way: Way,
}

#[pymethods]
impl OutLane {
    /// `source` is a control message that asks for the address to send from: level, kind, data.
    #[new]
    fn new(
        key: Py<SealingKey>,
        socket: i32,
        name: Vec<u8>,
        source: Option<(i32, i32, Vec<u8>)>,
    ) -> PyResult<Self> {
        if name.len() > 28 || source.as_ref().is_some_and(|(_, _, data)| data.len() > 32) {
            return Err(PyValueError::new_err("too long for an address"));
        }
        let source = source.map_or(Vec::new(), |(level, kind, data)| sys::control(level, kind, &data));
        let destinations = Vec::new();
        let way = Way { destinations, socket, name, source, allowed: 0, octets: 0 };
        Ok(OutLane { key, way })
    }

    /// How many more messages may be sealed.
    #[setter]
    fn set_allowed(&mut self, allowed: u64) {
        self.way.allowed = allowed;
    }

    /// Packets to this address are of the session.
    fn add(&mut self, destination: Vec<u8>) {
        self.way.destinations.push(destination);
    }

    /// The octets of datagrams sealed since this was asked.
    fn take_octets(&mut self) -> u64 {
        std::mem::take(&mut self.way.octets)
    }
}

/// What could not be sent: number of its lane, start and end, size of a datagram, errno.
type Unsent = (usize, usize, usize, usize, i32);

/// Read packets, seal and send them: how many were taken, whether there is nothing more, the octets
/// of one in `slots` that is for none of the lanes, the errno of reading, and what was not sent.
#[pyfunction]
#[allow(clippy::too_many_arguments, clippy::type_complexity)] // what a turn needs and tells
fn transmit(
    py: Python<'_>,
    tun: i32,
    vnet: bool,
    mtu: usize,
    room: usize,
    slots: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    budget: usize,
    lanes: Vec<Py<OutLane>>,
) -> PyResult<(usize, bool, usize, i32, Option<Unsent>)> {
    let mut slots = Borrowed::of(slots)?;
    let mut out = Borrowed::of(out)?;
    let out = out.writable(&[&slots])?;
    let slot = slots.writable(&[])?;
    let mut lanes: Vec<_> =
        lanes.iter().map(|lane| lane.bind(py).try_borrow_mut()).collect::<Result<_, _>>()?;
    let mut keys: Vec<_> =
        lanes.iter().map(|lane| lane.key.bind(py).try_borrow_mut()).collect::<Result<_, _>>()?;
    let ways = lanes.iter_mut().zip(&mut keys).map(|(lane, key)| (&mut lane.way, &mut key.0));
    let mut work = Transmit { tun, vnet, mtu, room, slot, out, ways: ways.collect() };
    let turn = py.detach(|| work.run(budget));
    let unsent = turn.unsent.map(|(w, error)| (w.way, w.start, w.end, w.size, error));
    Ok((turn.taken, turn.drained, turn.left, turn.error, unsent))
}

/// The session of a peer from which messages come.
#[pyclass]
pub struct InLane {
    key: Py<OpeningKey>,
    is_owner: Py<PyAny>,
    entry: Entry,
}

#[pymethods]
impl InLane {
    /// `control` are the control messages that came with a message of the session; `is_owner` is
    /// asked about source addresses.
    #[new]
    fn new(
        key: Py<OpeningKey>,
        index: u32,
        name: Vec<u8>,
        control: Vec<u8>,
        is_owner: Py<PyAny>,
    ) -> Self {
        let entry = Entry {
            index,
            name,
            control: sender(&control).0,
            sources: Vec::new(),
            octets: 0,
            has_data: false,
            bad: 0,
            replayed: 0,
            malformed: 0,
            foreign: 0,
        };
        InLane { key, is_owner, entry }
    }

    /// Since this was asked: octets accepted, whether there were packets in them; messages that
    /// were not authentic, replayed; packets that were malformed, of others.
    fn take_counts(&mut self) -> (u64, bool, u64, u64, u64, u64) {
        let entry = &mut self.entry;
        (
            std::mem::take(&mut entry.octets),
            std::mem::take(&mut entry.has_data),
            std::mem::take(&mut entry.bad),
            std::mem::take(&mut entry.replayed),
            std::mem::take(&mut entry.malformed),
            std::mem::take(&mut entry.foreign),
        )
    }
}

/// Places of the messages that recvmmsg(2) has received.
struct Received<'a> {
    headers: &'a [u8],
    names: &'a [u8],
    controls: &'a [u8],
    slot: usize,
}

impl<'a> Received<'a> {
    /// Message `i`, by the layout of `struct mmsghdr`.
    fn message(&self, i: usize) -> Result<Message<'a>, Misuse> {
        const STEP: usize = size_of::<libc::mmsghdr>();
        const NAME: usize = 28;
        const CONTROL: usize = 96;
        let header = self.headers.get(i * STEP..(i + 1) * STEP).ok_or(Misuse::OutOfBounds)?;
        let at = std::mem::offset_of!(libc::mmsghdr, msg_len);
        let length = u32::from_ne_bytes(header[at..at + 4].try_into().expect("four octets"));
        let at = std::mem::offset_of!(libc::mmsghdr, msg_hdr)
            + std::mem::offset_of!(libc::msghdr, msg_controllen);
        let used = usize::from_ne_bytes(
            header[at..at + size_of::<usize>()].try_into().expect("a word"),
        );
        let control = i * CONTROL..i * CONTROL + used.min(CONTROL);
        Ok(Message {
            at: i * self.slot,
            length: length as usize,
            name: self.names.get(i * NAME..(i + 1) * NAME).ok_or(Misuse::OutOfBounds)?,
            control: self.controls.get(control).ok_or(Misuse::OutOfBounds)?,
        })
    }
}

/// Open messages and write what they hold to the TUN device: a flag for each message that is for
/// none of the lanes, and the errnos of writing.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // what a turn needs
fn admit(
    py: Python<'_>,
    buf: &Bound<'_, PyAny>,
    slot: usize,
    headers: &Bound<'_, PyAny>,
    names: &Bound<'_, PyAny>,
    controls: &Bound<'_, PyAny>,
    count: usize,
    tun: i32,
    udp: Option<bool>,
    lanes: Vec<Py<InLane>>,
) -> PyResult<(Vec<bool>, Vec<i32>)> {
    let mut buf = Borrowed::of(buf)?;
    let [headers, names, controls] =
        [Borrowed::of(headers)?, Borrowed::of(names)?, Borrowed::of(controls)?];
    let buf = buf.writable(&[&headers, &names, &controls])?;
    let (headers, names, controls) = (headers.octets(), names.octets(), controls.octets());
    let received = Received { headers, names, controls, slot };
    let messages: Vec<_> = (0..count).map(|i| received.message(i)).collect::<Result<_, _>>()?;
    let mut lanes: Vec<_> =
        lanes.iter().map(|lane| lane.bind(py).try_borrow_mut()).collect::<Result<_, _>>()?;
    let mut keys: Vec<_> =
        lanes.iter().map(|lane| lane.key.bind(py).try_borrow_mut()).collect::<Result<_, _>>()?;
    let owners: Vec<_> = lanes.iter().map(|lane| lane.is_owner.clone_ref(py)).collect();
    let mut failed = None;
    let is_owner = |lane: usize, source: &[u8]| {
        Python::attach(|py| {
            let answer = owners[lane].call1(py, (source,)).and_then(|yes| yes.is_truthy(py));
            answer.unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        })
    };
    let entries = lanes.iter_mut().zip(&mut keys).map(|(lane, key)| (&mut lane.entry, &mut key.key));
    let mut work = Admit {
        buf,
        tun,
        udp,
        entries: entries.collect(),
        is_owner,
        pieces: Vec::with_capacity(256),
        writes: Writes::default(),
        errors: Vec::new(),
    };
    let left = py.detach(|| work.run(&messages));
    let errors = work.errors;
    match failed {
        Some(error) => Err(error),
        None => Ok((left, errors)),
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutLane>()?;
    module.add_class::<InLane>()?;
    module.add_function(wrap_pyfunction!(transmit, module)?)?;
    module.add_function(wrap_pyfunction!(admit, module)?)
}
