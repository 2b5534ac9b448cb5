//! The lanes as Python sees them: sessions that packets may take without the interpreter.

use crate::admit::{sender, Admit, Entry, Message};
use crate::buffer::Borrowed;
use crate::coalesce::Writes;
use crate::keys::Misuse;
use crate::python::{OpeningKey, SealingKey};
use crate::serve::Serve;
use crate::sys::{self, Mailbox};
use crate::transmit::{Transmit, Turn, Way};
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
        let way = Way { destinations, socket, name, source, allowed: 0, octets: 0, at: 0.0 };
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

    /// The octets of datagrams sealed since this was asked, and when the last turn of them began.
    fn take_octets(&mut self) -> (u64, f64) {
        (std::mem::take(&mut self.way.octets), self.way.at)
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
    let mut work = Transmit { tun, vnet, mtu, room, slot, out, ways: ways.collect(), now: 0.0 };
    let turn = py.detach(|| work.run(budget));
    let unsent = unsent(&turn);
    Ok((turn.taken, turn.drained, turn.left, turn.error, unsent))
}

fn unsent(turn: &Turn) -> Option<Unsent> {
    turn.unsent.as_ref().map(|(w, error)| (w.way, w.start, w.end, w.size, *error))
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
            at: 0.0,
            data_at: 0.0,
            bad: 0,
            replayed: 0,
            malformed: 0,
            foreign: 0,
        };
        InLane { key, is_owner, entry }
    }

    /// Since this was asked: octets accepted, when the last turn of them began, and the last with
    /// packets in it (0 for none); messages that were not authentic, replayed; packets that were
    /// malformed, of others.
    fn take_counts(&mut self) -> (u64, f64, f64, u64, u64, u64, u64) {
        let entry = &mut self.entry;
        (
            std::mem::take(&mut entry.octets),
            entry.at,
            std::mem::take(&mut entry.data_at),
            std::mem::take(&mut entry.bad),
            std::mem::take(&mut entry.replayed),
            std::mem::take(&mut entry.malformed),
            std::mem::take(&mut entry.foreign),
        )
    }
}

/// The layout of `struct mmsghdr`: its length, where it has that of a message, and of its control
/// messages.
const STEP: usize = size_of::<libc::mmsghdr>();
const LENGTH: usize = std::mem::offset_of!(libc::mmsghdr, msg_len);
const USED: usize = std::mem::offset_of!(libc::mmsghdr, msg_hdr)
    + std::mem::offset_of!(libc::msghdr, msg_controllen);
const WORD: usize = size_of::<usize>();

/// Write into header `i` how long a message is, and its control messages.
fn tell(headers: &mut [u8], i: usize, (length, used): (usize, usize)) -> Result<(), Misuse> {
    let header = headers.get_mut(i * STEP..(i + 1) * STEP).ok_or(Misuse::OutOfBounds)?;
    header[LENGTH..LENGTH + 4].copy_from_slice(&(length as u32).to_ne_bytes());
    header[USED..USED + WORD].copy_from_slice(&used.to_ne_bytes());
    Ok(())
}

/// Places of the messages that recvmmsg(2) has received.
struct Received<'a> {
    headers: &'a [u8],
    names: &'a [u8],
    controls: &'a [u8],
    slot: usize,
}

impl<'a> Received<'a> {
    /// Message `i`.
    fn message(&self, i: usize) -> Result<Message<'a>, Misuse> {
        const NAME: usize = Mailbox::NAME;
        const CONTROL: usize = Mailbox::CONTROL;
        let header = self.headers.get(i * STEP..(i + 1) * STEP).ok_or(Misuse::OutOfBounds)?;
        let length =
            u32::from_ne_bytes(header[LENGTH..LENGTH + 4].try_into().expect("four octets"));
        let used = usize::from_ne_bytes(header[USED..USED + WORD].try_into().expect("a word"));
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
    let is_owner = asking(&owners, &mut failed);
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
        now: 0.0,
    };
    let left = py.detach(|| work.run(&messages));
    let errors = std::mem::take(&mut work.errors);
    drop(work);
    match failed {
        Some(error) => Err(error),
        None => Ok((left, errors)),
    }
}

/// What ended `serve`: descriptors for the caller, whether packets come in bulk; octets of a packet
/// in `slots` that is for none of the lanes, errno of reading, what was not sent; messages in `buf`,
/// a flag for each if some are for none of the lanes, errno of receiving, errnos of writing.
type Ended = (
    (Vec<(i32, u32)>, bool),
    (usize, i32, Option<Unsent>),
    (usize, Vec<bool>, i32, Vec<i32>),
);

/// Take packets and messages as `transmit` and `admit` do, both ways and as long as they are all
/// for the lanes: until `until` (CLOCK_BOOTTIME), at most `hold` seconds from the first on.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // what a turn needs
fn serve(
    py: Python<'_>,
    epoll: i32,
    until: f64,
    hold: f64,
    busy: bool,
    device: (i32, bool, Option<bool>),
    limits: (usize, usize, usize),
    slots: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    inbox: (Bound<'_, PyAny>, usize),
    places: (Bound<'_, PyAny>, Bound<'_, PyAny>, Bound<'_, PyAny>),
    sockets: Vec<i32>,
    out_lanes: Vec<Py<OutLane>>,
    in_lanes: Vec<Py<InLane>>,
) -> PyResult<Ended> {
    let ((tun, vnet, udp), (mtu, room, budget), (buf, slot)) = (device, limits, inbox);
    let (mut slots, mut out, mut buf) =
        (Borrowed::of(slots)?, Borrowed::of(out)?, Borrowed::of(&buf)?);
    let (mut headers, mut names, mut controls) =
        (Borrowed::of(&places.0)?, Borrowed::of(&places.1)?, Borrowed::of(&places.2)?);
    let headers = headers.writable(&[&slots, &out, &buf, &names, &controls])?;
    let names = names.writable(&[&slots, &out, &buf, &controls])?;
    let controls = controls.writable(&[&slots, &out, &buf])?;
    let buf = buf.writable(&[&slots, &out])?;
    let out = out.writable(&[&slots])?;
    let slots = slots.writable(&[])?;
    let mut ways = out_lanes.iter().map(|l| l.bind(py).try_borrow_mut()).collect::<Result<Vec<_>, _>>()?;
    let mut sealing = ways.iter().map(|l| l.key.bind(py).try_borrow_mut()).collect::<Result<Vec<_>, _>>()?;
    let ways = ways.iter_mut().zip(&mut sealing).map(|(lane, key)| (&mut lane.way, &mut key.0));
    let mut lanes = in_lanes.iter().map(|l| l.bind(py).try_borrow_mut()).collect::<Result<Vec<_>, _>>()?;
    let mut opening = lanes.iter().map(|l| l.key.bind(py).try_borrow_mut()).collect::<Result<Vec<_>, _>>()?;
    let owners: Vec<_> = lanes.iter().map(|lane| lane.is_owner.clone_ref(py)).collect();
    let entries =
        lanes.iter_mut().zip(&mut opening).map(|(lane, key)| (&mut lane.entry, &mut key.key));
    let mut failed = None;
    let mailbox = Mailbox::new(slot, names, controls);
    let mut work = Serve {
        epoll,
        sockets,
        budget,
        busy,
        hold,
        transmit: Transmit { tun, vnet, mtu, room, slot: slots, out, ways: ways.collect(), now: 0.0 },
        admit: Admit {
            buf,
            tun,
            udp,
            entries: entries.collect(),
            is_owner: asking(&owners, &mut failed),
            pieces: Vec::with_capacity(256),
            writes: Writes::default(),
            errors: Vec::new(),
            now: 0.0,
        },
        mailbox,
    };
    let served = py.detach(|| work.run(until));
    for (i, lengths) in work.mailbox.lengths.iter().enumerate() {
        tell(headers, i, *lengths)?;
    }
    let count = work.mailbox.lengths.len();
    let (busy, errors) = (work.busy, std::mem::take(&mut work.admit.errors));
    drop(work);
    let turn = served.turn.map_or((0, 0, None), |turn| (turn.left, turn.error, unsent(&turn)));
    match failed {
        Some(error) => Err(error),
        None => Ok(((served.others, busy), turn, (count, served.left, served.error, errors))),
    }
}

/// Ask Python whether an address is the peer's of a lane; what goes wrong with that is kept.
fn asking<'a>(
    owners: &'a [Py<PyAny>],
    failed: &'a mut Option<PyErr>,
) -> impl FnMut(usize, &[u8]) -> bool + Send + 'a {
    move |lane, source| {
        Python::attach(|py| {
            let answer = owners[lane].call1(py, (source,)).and_then(|yes| yes.is_truthy(py));
            answer.unwrap_or_else(|error| {
                *failed = Some(error);
                false
            })
        })
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OutLane>()?;
    module.add_class::<InLane>()?;
    module.add_function(wrap_pyfunction!(transmit, module)?)?;
    module.add_function(wrap_pyfunction!(admit, module)?)?;
    module.add_function(wrap_pyfunction!(serve, module)?)
}
