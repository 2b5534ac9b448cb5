//! What Python sees: the contract's functions over its buffers, and the two kinds of keys.

use crate::buffer::Borrowed;
use crate::coalesce::Writes;
use crate::delivery;
use crate::keys::{Misuse, Opening, Refusal, Sealing, HEADER, OVERHEAD, TAG};
use crate::segment::{self, Equal, Gso};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// What the Python side and this one have to agree on; raised with every change of a signature.
const CONTRACT: u32 = 2;

impl From<Misuse> for PyErr {
    fn from(misuse: Misuse) -> PyErr {
        PyValueError::new_err(match misuse {
            Misuse::OutOfBounds => "a place outside of its buffer",
            Misuse::CountersRunOut => "the counters of the key run out",
        })
    }
}

fn key_of(octets: &[u8]) -> PyResult<&[u8; 32]> {
    octets.try_into().map_err(|_| PyValueError::new_err("a key has 32 octets"))
}

/// The key of what is sent.
#[pyclass]
pub struct SealingKey(pub Sealing);

#[pymethods]
impl SealingKey {
    #[new]
    fn new(key: &[u8], remote_index: u32) -> PyResult<Self> {
        Ok(SealingKey(Sealing::new(key_of(key)?, remote_index)))
    }

    #[getter]
    fn counter(&self) -> u64 {
        self.0.counter
    }

    #[setter]
    fn set_counter(&mut self, counter: u64) {
        self.0.counter = counter;
    }

    #[getter]
    fn remote_index(&self) -> u32 {
        self.0.remote_index
    }

    /// An inner packet -> transport data message.
    fn seal<'py>(
        &mut self,
        py: Python<'py>,
        packet: &Bound<'py, PyAny>,
        mtu: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let packet = Borrowed::of(packet)?;
        let packet = packet.octets();
        self.0.check(1)?;
        PyBytes::new_with(py, segment::padded(packet.len(), mtu) + OVERHEAD, |datagram| {
            datagram[HEADER..HEADER + packet.len()].copy_from_slice(packet);
            self.0.seal(datagram);
            Ok(())
        })
    }
}

/// The key of what is received.
#[pyclass]
pub struct OpeningKey {
    pub key: Opening,
    bad: Py<PyAny>,
    replayed: Py<PyAny>,
    scratch: Vec<u8>,
}

#[pymethods]
impl OpeningKey {
    /// `bad` and `replayed` are what `open` answers for what it refuses.
    #[new]
    fn new(key: &[u8], bad: Py<PyAny>, replayed: Py<PyAny>) -> PyResult<Self> {
        Ok(OpeningKey { key: Opening::new(key_of(key)?), bad, replayed, scratch: Vec::new() })
    }

    /// A transport data message -> plaintext, or why it is refused.
    fn open<'py>(
        &mut self,
        py: Python<'py>,
        datagram: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let datagram = Borrowed::of(datagram)?;
        self.scratch.clear();
        self.scratch.extend_from_slice(datagram.octets());
        let size = self.scratch.len();
        if size < OVERHEAD {
            return Err(Misuse::OutOfBounds.into());
        }
        Ok(match self.key.open(&mut self.scratch) {
            Ok(()) => PyBytes::new(py, &self.scratch[HEADER..size - TAG]).into_any(),
            Err(Refusal::BadAead) => self.bad.bind(py).clone(),
            Err(Refusal::Replayed) => self.replayed.bind(py).clone(),
        })
    }
}

/// `DataPath.split_seal`; `gso` are transport, header, protocol and mss.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // the contract's
fn split_seal(
    py: Python<'_>,
    key: &mut SealingKey,
    packet: &Bound<'_, PyAny>,
    gso: (usize, usize, u8, usize),
    mtu: usize,
    out: &Bound<'_, PyAny>,
    at: usize,
    first: usize,
) -> PyResult<(usize, usize, usize)> {
    let packet = Borrowed::of(packet)?;
    let mut out = Borrowed::of(out)?;
    let out = out.writable(&[&packet])?.get_mut(at..).ok_or(Misuse::OutOfBounds)?;
    let packet = packet.octets();
    let (transport, header, protocol, mss) = gso;
    let gso = Gso { transport, header, protocol, mss };
    let key = &mut key.0;
    let split = py.detach(|| segment::split_seal(key, packet, &gso, mtu, out, first))?;
    Ok((split.number, split.size, split.last_size))
}

/// `DataPath.seal_run`.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // the contract's
fn seal_run(
    py: Python<'_>,
    key: &mut SealingKey,
    buf: &Bound<'_, PyAny>,
    offset: usize,
    stride: usize,
    length: usize,
    count: usize,
    mtu: usize,
    csum: Option<(usize, usize)>,
    out: &Bound<'_, PyAny>,
    at: usize,
) -> PyResult<usize> {
    let buf = Borrowed::of(buf)?;
    let mut out = Borrowed::of(out)?;
    let out = out.writable(&[&buf])?.get_mut(at..).ok_or(Misuse::OutOfBounds)?;
    let buf = buf.octets();
    let packets = Equal { offset, stride, length, count, csum };
    let key = &mut key.0;
    Ok(at + py.detach(|| segment::seal_run(key, buf, &packets, mtu, out))?)
}

/// `DataPath.open_run`: bad, replayed and, unless all were accepted, a mask of those that were not.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // the contract's
fn open_run<'py>(
    py: Python<'py>,
    key: &mut OpeningKey,
    buf: &Bound<'py, PyAny>,
    offset: usize,
    stride: usize,
    size: usize,
    number: usize,
    rows: &Bound<'py, PyAny>,
    row: usize,
    row_stride: usize,
) -> PyResult<(usize, usize, Option<Bound<'py, PyBytes>>)> {
    let buf = Borrowed::of(buf)?;
    let mut rows = Borrowed::of(rows)?;
    let rows = rows.writable(&[&buf])?;
    let buf = buf.octets();
    let OpeningKey { key, scratch, .. } = key;
    let run = delivery::Run { offset, stride, size, number };
    let opened = py.detach(|| delivery::open_run(key, scratch, buf, &run, rows, row, row_stride))?;
    let mask = (!opened.dead.is_empty()).then(|| PyBytes::new(py, &opened.dead));
    Ok((opened.bad, opened.replayed, mask))
}

/// `DataPath.deliver`; `lookup` finds the owner of an address, bit *i* of `dead` is row *i*.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // the contract's
fn deliver(
    py: Python<'_>,
    rows: &Bound<'_, PyAny>,
    stride: usize,
    blocks: Vec<(usize, usize, usize)>,
    dead: &[u8],
    lookup: &Bound<'_, PyAny>,
    owner: &Bound<'_, PyAny>,
    udp: Option<bool>,
) -> PyResult<Delivery> {
    let buffer = Borrowed::of(rows)?;
    let octets = buffer.octets();
    let mut is_owner = |source: &[u8]| -> PyResult<bool> {
        Ok(lookup.call1((PyBytes::new(py, source),))?.is(owner))
    };
    let picked = delivery::pick(octets, stride, &blocks, dead, &mut is_owner)?;
    let writes = py.detach(|| delivery::arrange(octets, &picked.pieces, picked.rows, udp));
    Ok(Delivery::new(rows.clone().unbind(), writes, picked.malformed, picked.foreign))
}

/// Writes to the TUN device that lie in rows; an iterator over them as lists of buffers.
#[pyclass]
pub struct Delivery {
    rows: Py<PyAny>,
    writes: Writes,
    next: usize,
    #[pyo3(get)]
    malformed: usize,
    #[pyo3(get)]
    foreign: usize,
}

impl Delivery {
    pub fn new(rows: Py<PyAny>, writes: Writes, malformed: usize, foreign: usize) -> Self {
        Delivery { rows, writes, next: 0, malformed, foreign }
    }
}

#[pymethods]
impl Delivery {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// One write: head (if any) and packet or payload.
    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        if self.next >= self.writes.len() {
            return Ok(None);
        }
        let (head, parts) = self.writes.get(self.next);
        self.next += 1;
        let rows = Borrowed::of(self.rows.bind(py))?;
        let octets = rows.octets();
        let total = parts.iter().map(|(_, length)| length).sum();
        let body = PyBytes::new_with(py, total, |body| {
            let mut at = 0;
            for &(from, length) in parts {
                let part = octets.get(from..from + length).ok_or(Misuse::OutOfBounds)?;
                body[at..at + length].copy_from_slice(part);
                at += length;
            }
            Ok(())
        })?;
        let list = PyList::empty(py);
        if !head.is_empty() {
            list.append(PyBytes::new(py, head))?;
        }
        list.append(body)?;
        Ok(Some(list))
    }
}

#[pymodule]
fn meshc_native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CONTRACT", CONTRACT)?;
    module.add_class::<SealingKey>()?;
    module.add_class::<OpeningKey>()?;
    module.add_class::<Delivery>()?;
    module.add_function(wrap_pyfunction!(split_seal, module)?)?;
    module.add_function(wrap_pyfunction!(seal_run, module)?)?;
    module.add_function(wrap_pyfunction!(open_run, module)?)?;
    module.add_function(wrap_pyfunction!(deliver, module)?)?;
    crate::lanes::register(module)?;
    Ok(())
}
