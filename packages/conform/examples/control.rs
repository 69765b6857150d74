// rustc -O control.rs && ./control ADDRESS:PORT
// All requests but state, keepalive, reset, and close of a socket that connects; one backlog.
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver};

fn name(error: Error) -> &'static str {
    match error.kind() {
        ErrorKind::Unsupported => "?",
        ErrorKind::WouldBlock => "EAGAIN",
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset => "ECONNRESET",
        ErrorKind::BrokenPipe => "EPIPE",
        ErrorKind::TimedOut => "ETIMEDOUT",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        _ => "EIO",
    }
}

#[derive(Default)]
struct Case {
    listener: Option<TcpListener>,
    connecting: Option<Receiver<Result<TcpStream>>>,
    socket: Option<TcpStream>,
}

impl Case {
    fn adopt(&mut self, socket: TcpStream) -> Result<usize> {
        socket.set_nonblocking(true)?;
        self.socket = Some(socket);
        Ok(1)
    }

    fn answer(&mut self, words: &[&str], input: &mut impl Read, bytes: &mut [u8]) -> Result<usize> {
        match (words, &mut self.socket) {
            (["end"], _) => *self = Case::default(),
            (["connect", address, port], _) => {
                let (sender, receiver) = channel();
                let to = (address.to_string(), port.parse().unwrap_or(0));
                std::thread::spawn(move || sender.send(TcpStream::connect(to)));
                (self.connecting, self.socket) = (Some(receiver), None);
            }
            (["listen", address, "16"], _) => {
                let listener = self.listener.insert(TcpListener::bind((*address, 0))?);
                listener.set_nonblocking(true)?;
                return Ok(listener.local_addr()?.port().into());
            }
            (["unlisten"], _) => self.listener = None,
            (["accept"], _) => {
                if let Some(listener) = &self.listener {
                    return self.adopt(listener.accept()?.0);
                }
            }
            (["ready" | "error"], None) => {
                if let Some(Ok(end)) = self.connecting.as_ref().map(|end| end.try_recv()) {
                    self.adopt(end?)?;
                }
            }
            (["ready"], Some(_)) => return Ok(1),
            (["error"], Some(socket)) => return socket.take_error()?.map_or(Ok(0), Err),
            (["write", _], Some(socket)) => {
                input.read_exact(bytes)?;
                return socket.write(bytes);
            }
            (["read", _], Some(socket)) => return socket.read(bytes),
            (["shutdown"], Some(socket)) => socket.shutdown(Shutdown::Write)?,
            (["close"], Some(_)) => self.socket = None,
            (["nodelay", on], Some(socket)) => socket.set_nodelay(*on == "1")?,
            _ => return Err(ErrorKind::Unsupported.into()),
        }
        Ok(0)
    }
}

fn serve(control: TcpStream) -> Result<()> {
    let (mut case, mut output) = (Case::default(), control.try_clone()?);
    let mut input = BufReader::new(control);
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut bytes = vec![0; words.last().map_or(0, |word| word.parse().unwrap_or(0))];
        let (reply, count) = match case.answer(&words, &mut input, &mut bytes) {
            Ok(number) => (number.to_string(), number),
            Err(error) => (name(error).to_string(), 0),
        };
        bytes.truncate(if words[0] == "read" { count } else { 0 });
        output.write_all(&[reply.as_bytes(), b"\n", &bytes].concat())?;
    }
}

fn main() -> Result<()> {
    let address = std::env::args().nth(1).expect("control ADDRESS:PORT");
    for control in TcpListener::bind(address)?.incoming() {
        let _ = serve(control?);
    }
    Ok(())
}
