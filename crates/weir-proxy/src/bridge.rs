//! What hyper needs for HTTP/2 on both sides: sockets, time, tasks and bodies.

mod io;
mod stream;

pub(crate) use self::{
    io::{Adapter, HyperTimer},
    stream::{NoReader, StreamBody, StreamWriter, append, raw_trailers, stream},
};

/// Runs hyper's tasks on the thread of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
