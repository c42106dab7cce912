//! The host program of the crate's own tests, with a few commands for them.

use std::error::Error;
use std::net::UdpSocket;
use std::process::ExitCode;

use vrrp_lab::{Command, HostOptions, Lab, LabOptions};

fn main() -> ExitCode {
    vrrp_lab::intercept();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["hear", address] => hear(address),
        ["say", to, text] => say(to, text),
        ["stay", process_name] => stay(process_name),
        _ => {
            eprintln!("usage: vrrp-lab-init hear ADDRESS:PORT | say ADDRESS:PORT TEXT | stay NAME");
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
fn hear(address: &str) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut bytes = [0; 1500];
    let (length, from) = socket.recv_from(&mut bytes)?;
    println!("{} says {}", from.ip(), String::from_utf8_lossy(&bytes[..length]));
    socket.send_to(&bytes[..length], from)?;
    Ok(())
}

/// Sends one datagram and prints the answer.
fn say(to: &str, text: &str) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.send_to(text.as_bytes(), to)?;
    let mut bytes = [0; 1500];
    let (length, from) = socket.recv_from(&mut bytes)?;
    println!("{} answers {}", from.ip(), String::from_utf8_lossy(&bytes[..length]));
    Ok(())
}

/// Makes a lab with a process of that name on each of two hosts, and stays until it is killed.
fn stay(process_name: &str) -> Result<(), Box<dyn Error>> {
    let lab = Lab::new(LabOptions::this_program())?;
    for name in ["one", "two"] {
        lab.host(name, HostOptions::new())?.spawn(Command::idle(process_name))?;
    }
    println!("the lab runs");
    loop {
        std::thread::park();
    }
}
