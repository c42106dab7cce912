//! The host program of the crate's own tests, with two commands for them to run on hosts.

use std::net::UdpSocket;
use std::process::ExitCode;

fn main() -> ExitCode {
    vrrp_lab::intercept();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["hear", address] => hear(address),
        ["say", to, text] => say(to, text),
        _ => {
            eprintln!("usage: vrrp-lab-init hear ADDRESS:PORT | say ADDRESS:PORT TEXT");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints one datagram and who sent it, and answers with its text.
fn hear(address: &str) -> std::io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut bytes = [0; 1500];
    let (length, from) = socket.recv_from(&mut bytes)?;
    println!("{} says {}", from.ip(), String::from_utf8_lossy(&bytes[..length]));
    socket.send_to(&bytes[..length], from)?;
    Ok(())
}

/// Sends one datagram and prints the answer.
fn say(to: &str, text: &str) -> std::io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(text.as_bytes(), to)?;
    let mut bytes = [0; 1500];
    let (length, from) = socket.recv_from(&mut bytes)?;
    println!("{} answers {}", from.ip(), String::from_utf8_lossy(&bytes[..length]));
    Ok(())
}
