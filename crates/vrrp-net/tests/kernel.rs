//! What one virtual router does, through the seam, on a wire.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use common::{End, PATIENCE, ip, isolated, only, wire};
use vrrp_net::{
    AddressSpec, AdvertReceiver, Announcement, Change, Family, Kernel, LinkChange, NetError,
    Object, ObjectKey, ObjectKind, Outcome, SystemKernel, Wake,
};
use vrrp_proto::{GROUP_V4, IpMeta};

fn kernel(end: &End) -> Box<dyn Kernel> {
    Box::new(end.host.run(|| SystemKernel::open(Family::V4)).unwrap())
}

#[test]
fn a_virtual_router_takes_over_and_gives_up() {
    isolated(|| {
        let (mut left, right) = wire();
        let open = || AdvertReceiver::open(right.interface, Family::V4);
        let mut receiver = right.host.run(open).unwrap();
        receiver.set_groups(&[GROUP_V4.into()]).unwrap();
        let mut kernel = kernel(&left);
        kernel.attach(Some(left.interface)).unwrap();

        let vip = AddressSpec::host(left.interface, ip("192.0.2.100"));
        kernel.send_advert(&IpMeta::multicast(left.address), b"I am here").unwrap();
        assert_eq!(only(kernel.apply(&[Change::Add(vip.clone().into())])), Ok(Outcome::Added));
        let announcement = Announcement {
            interface: left.interface,
            mac: left.mac,
            address: vip.address,
            is_router: false,
        };
        assert_eq!(kernel.announce(&[announcement]), Ok(1));
        assert_eq!(receiver.wait(Some(PATIENCE)), Ok(Wake::Readable));
        let mut heard = Vec::new();
        receiver.drain(|it| heard.push(it.unwrap().message.to_vec())).unwrap();
        assert_eq!(heard, [b"I am here"]);
        let there = left.host.netlink.addresses().unwrap();
        let there = there.iter().find(|it| vip.is(it)).unwrap();
        let key = ObjectKey::from(there);
        assert_eq!(key, Object::from(vip.clone()).key());
        assert_eq!(key.kind(), ObjectKind::Address);

        let removed = kernel.apply(&[Change::Remove(vip.into())]);
        assert_eq!(only(removed), Ok(Outcome::Removed));
    });
}

#[test]
fn without_an_interface_no_advert_is_sent() {
    isolated(|| {
        let (mut left, right) = wire();
        let mut kernel = kernel(&left);
        let send =
            |kernel: &mut dyn Kernel| kernel.send_advert(&IpMeta::multicast(left.address), b"");
        assert!(matches!(send(&mut *kernel), Err(NetError::Detached { .. })));
        kernel.attach(Some(left.interface)).unwrap();
        assert_eq!(send(&mut *kernel), Ok(()));
        kernel.detach();
        assert!(matches!(send(&mut *kernel), Err(NetError::Detached { .. })));

        kernel.attach(Some(left.interface)).unwrap();
        left.host.netlink.delete_link(left.interface.index).unwrap();
        assert!(send(&mut *kernel).unwrap_err().is_interface_unusable());
        assert!(kernel.attach(Some(left.interface)).unwrap_err().is_interface_unusable());
        assert!(matches!(send(&mut *kernel), Err(NetError::Detached { .. })));

        left.host.plug("left", &right.host, "right");
        left.interface = left.host.interface("left");
        left.host.change(left.interface.index, &LinkChange::UP);
        // From a thread that is in another namespace than the kernel was opened in.
        kernel.attach(Some(left.interface)).unwrap();
        assert_eq!(send(&mut *kernel), Ok(()), "the carrier is not asked for");
    });
}
