//! How many wrong keys an address may present.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::throttle::Throttle;

/// Who presented wrong keys lately.
#[derive(Debug)]
pub(crate) struct WrongKeys(Throttle<IpAddr>);

/// The part of an address that one subscriber is given: all of IPv4, the /64 of IPv6.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl WrongKeys {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self(Throttle::new(burst, every))
    }

    /// How long an address must wait before another wrong key is taken; `None`: it need not.
    pub(crate) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        self.0.wait(subscriber(address), now)
    }

    /// Takes down a wrong key. Returns whether the address has just used up what it may present.
    pub(crate) fn note(&self, address: IpAddr, now: Instant) -> bool {
        self.0.note(subscriber(address), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::PLACES_MAX;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let keys = WrongKeys::new(3, Duration::from_secs(6));
        let start = Instant::now();
        for n in 0..3 {
            assert_eq!(keys.wait(v4(1), start), None, "{n}");
            assert_eq!(keys.note(v4(1), start), n == 2, "{n}");
        }
        assert_eq!(keys.wait(v4(1), start), Some(Duration::from_secs(6)));
        assert_eq!(keys.wait(v4(2), start), None);
        // More of them do not add up without end.
        for _ in 0..1_000 {
            assert!(!keys.note(v4(1), start));
        }
        assert_eq!(keys.wait(v4(1), start), Some(Duration::from_secs(6)));
        let later = start + Duration::from_secs(6);
        assert_eq!(keys.wait(v4(1), later), None);
        keys.note(v4(1), later);
        assert!(keys.wait(v4(1), later).is_some());
        assert_eq!(keys.wait(v4(1), start + Duration::from_secs(60)), None);
    }

    #[test]
    fn a_subscriber_has_a_64_and_mapped_addresses_are_what_they_map() {
        let keys = WrongKeys::new(1, Duration::from_secs(6));
        let now = Instant::now();
        keys.note("2001:db8:1:2:3::1".parse().unwrap(), now);
        assert!(keys.wait("2001:db8:1:2::9".parse().unwrap(), now).is_some());
        assert!(keys.wait("2001:db8:1:3::9".parse().unwrap(), now).is_none());
        keys.note("::ffff:192.0.2.7".parse().unwrap(), now);
        assert!(keys.wait(v4(7), now).is_some());
        assert!(keys.wait(v4(8), now).is_none());
    }

    #[test]
    fn many_addresses_take_bounded_memory() {
        let keys = WrongKeys::new(2, Duration::from_secs(6));
        let now = Instant::now();
        keys.note(v4(1), now);
        keys.note(v4(1), now);
        for n in 0..PLACES_MAX as u32 + 500 {
            keys.note(
                IpAddr::from(0x0a00_0000_u32.wrapping_add(n).to_be_bytes()),
                now,
            );
        }
        assert_eq!(keys.0.places(), PLACES_MAX);
        assert!(keys.wait(v4(1), now).is_some(), "the most to blame is kept");
    }
}
