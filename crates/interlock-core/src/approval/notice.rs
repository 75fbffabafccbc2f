//! When people who have not answered are told again.

use super::Approval;
use crate::model::UnixNanos;

/// After how long whoever was asked is reminded: 5 minutes, in nanoseconds.
pub const REMIND_AFTER_NS: i64 = 300 * 1_000_000_000;
/// After how long the next group is asked as well: 15 minutes, in nanoseconds. It happens again at
/// half of the time that the approval waits.
pub const ESCALATE_AFTER_NS: i64 = 900 * 1_000_000_000;
/// Notices of one approval after the first.
pub const NOTICES_MAX: usize = 3;

/// What people are told about an approval that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It still waits.
    Remind,
    /// The next group is asked as well.
    Escalate,
}

impl Notice {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Remind => "remind",
            Self::Escalate => "escalate",
        }
    }
}

impl Approval {
    /// The notices that fall before the approval expires, earliest first.
    #[must_use]
    pub fn notices(&self) -> [Option<(UnixNanos, Notice)>; NOTICES_MAX] {
        let (from, until) = (self.requested_at, self.request.expires_at);
        let half = until.saturating_sub(from) / 2;
        let fixed = from.saturating_add(ESCALATE_AFTER_NS);
        let halfway = from.saturating_add(half);
        let remind = (from.saturating_add(REMIND_AFTER_NS), Notice::Remind);
        let first = (fixed.min(halfway), Notice::Escalate);
        let second = (fixed.max(halfway), Notice::Escalate);
        let ordered = if first.0 < remind.0 {
            [first, remind, second]
        } else {
            [remind, first, second]
        };
        // A short wait may reach its second half before the reminder is due; sorted, it stays so.
        let [a, b, c] = ordered;
        let ordered = if c.0 < b.0 { [a, c, b] } else { [a, b, c] };
        ordered.map(|notice| (notice.0 < until).then_some(notice))
    }

    /// The `given`-th notice, from 0, if it still has to be given: the approval waits for people.
    #[must_use]
    pub fn next_notice(&self, given: usize) -> Option<(UnixNanos, Notice)> {
        if self.state != super::State::Pending {
            return None;
        }
        self.notices().into_iter().flatten().nth(given)
    }

    /// How many groups beyond the first are asked by now.
    #[must_use]
    pub fn escalations(&self, now: UnixNanos) -> usize {
        self.notices()
            .into_iter()
            .flatten()
            .filter(|(at, notice)| *notice == Notice::Escalate && *at <= now)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Event, Request, Verdict};
    use crate::model::ActionDigest;

    const MINUTE: i64 = 60 * 1_000_000_000;

    fn asked(minutes: i64) -> Approval {
        Approval::open(Request::new(ActionDigest([1; 32]), 1, minutes * MINUTE), 0).unwrap()
    }

    /// Minutes of waiting, then what is told when.
    #[test]
    fn notices_come_in_order_and_before_the_end() {
        let cases = "
            4    | escalate 2
            8    | escalate 4, remind 5
            10   | remind 5, escalate 5
            12   | remind 5, escalate 6
            15   | remind 5, escalate 7
            20   | remind 5, escalate 10, escalate 15
            60   | remind 5, escalate 15, escalate 30
            1440 | remind 5, escalate 15, escalate 720
        ";
        let mut ran = 0;
        for line in cases.lines().filter(|l| l.contains('|')) {
            let (minutes, want) = line.split_once('|').unwrap();
            let approval = asked(minutes.trim().parse().unwrap());
            let got: Vec<String> = approval
                .notices()
                .iter()
                .flatten()
                .map(|(at, notice)| format!("{} {}", notice.name(), at / MINUTE))
                .collect();
            assert_eq!(got.join(", "), want.trim(), "{line}");
            ran += 1;
        }
        assert_eq!(ran, 8);
    }

    #[test]
    fn groups_are_asked_one_after_the_other_and_nobody_once_it_is_decided() {
        let mut approval = asked(60);
        let at = |minute: i64| approval.escalations(minute * MINUTE);
        assert_eq!([at(0), at(14), at(15), at(29), at(30)], [0, 0, 1, 1, 2]);
        assert_eq!(approval.next_notice(0), Some((5 * MINUTE, Notice::Remind)));
        assert_eq!(
            approval.next_notice(2),
            Some((30 * MINUTE, Notice::Escalate))
        );
        assert_eq!(approval.next_notice(3), None);
        approval = approval
            .step(
                &Event::Vote {
                    approver: "ann".to_owned(),
                    verdict: Verdict::Deny,
                    seen: ActionDigest([1; 32]),
                    reason: String::new(),
                    lapsed: Vec::new(),
                },
                1,
            )
            .unwrap();
        assert_eq!(approval.next_notice(0), None);
    }
}
