//! Python buffers as slices, for the length of a call.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A contiguous buffer that Python neither moves nor frees while this value is there.
pub struct Borrowed(PyBuffer<u8>);

impl Borrowed {
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyBuffer::get(object)?;
        if !buffer.is_c_contiguous() {
            return Err(PyValueError::new_err("a buffer must lie in one piece"));
        }
        Ok(Borrowed(buffer))
    }

    fn range(&self) -> std::ops::Range<usize> {
        let start = self.0.buf_ptr() as usize;
        start..start + self.0.len_bytes()
    }

    /// The octets, to read.
    pub fn octets(&self) -> &[u8] {
        if self.0.len_bytes() == 0 {
            return &[];
        }
        // SAFETY: the buffer protocol keeps `len_bytes` contiguous octets at `buf_ptr` alive and in
        // place while the `PyBuffer` is. Nobody writes to them meanwhile: the engine has one thread,
        // which is in this call, and `writable` refuses a buffer that overlaps one that is read.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast(), self.0.len_bytes()) }
    }

    /// The octets, to write; `others` are what else the call has borrowed.
    pub fn writable(&mut self, others: &[&Borrowed]) -> PyResult<&mut [u8]> {
        let range = self.range();
        let overlaps = |other: &&Borrowed| {
            let other = other.range();
            range.start < other.end && other.start < range.end
        };
        if self.0.readonly() || others.iter().any(overlaps) {
            return Err(PyValueError::new_err("what is written to must be writable, and apart"));
        }
        if self.0.len_bytes() == 0 {
            return Ok(&mut []);
        }
        // SAFETY: as for `octets`; the buffer says that it may be written to, and no other slice
        // of this call shares an octet with it.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0.buf_ptr().cast(), self.0.len_bytes()) })
    }
}
