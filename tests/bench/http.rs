//! A minimal HTTP/1.1 server, so that its CPU time is negligible beside that of the measured program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

pub struct Request {
    /// The request line.
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }
}

/// Listens on a free loopback port, with a thread per connection. If the handler returns `None`, the connection is closed.
pub fn serve(handler: impl Fn(Request) -> Option<Reply> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let handler = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            std::thread::spawn(move || serve_connection(stream, &*handler));
        }
    });
    address
}

fn serve_connection(stream: TcpStream, handler: &dyn Fn(Request) -> Option<Reply>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut responses, mut requests) = (stream.try_clone().ok()?, BufReader::new(stream));
    loop {
        let reply = handler(read(&mut requests)?)?;
        let mut message =
            format!("HTTP/1.1 {} -\r\ncontent-length: {}\r\n", reply.status, reply.body.len()).into_bytes();
        for (name, value) in reply.headers {
            message.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(&reply.body);
        responses.write_all(&message).ok()?;
    }
}

fn read(from: &mut BufReader<TcpStream>) -> Option<Request> {
    let line = read_line(from)?;
    let mut headers = Vec::new();
    loop {
        let header = read_line(from)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { line, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let length = usize::from_str_radix(&read_line(from)?, 16).ok()?;
            let begin = request.body.len();
            request.body.resize(begin + length, 0);
            from.read_exact(&mut request.body[begin..]).ok()?;
            read_line(from)?;
            if length == 0 {
                break;
            }
        }
    } else {
        request.body.resize(length.unwrap_or_default(), 0);
        from.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}

fn read_line(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|read| *read > 0)?;
    line.truncate(line.trim_end().len());
    Some(line)
}
