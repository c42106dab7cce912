//! What the kernel keeps for a route: `mtu`, `rtt`, …

use super::Reader;
use super::routing::Words;
use crate::decimal::parse_decimal;
use crate::model::{Metric, MetricValue, Route};
use crate::syntax::Word;
use crate::{Code, Diagnostic};

impl Reader<'_> {
    /// `[lock] NUMBER`.
    pub(super) fn metric(
        &mut self,
        route: &mut Route,
        metric: Metric,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        let lock = words.peek().filter(|word| word.text == "lock");
        let locked = words.take("lock");
        let value = self.value_of(word, words)?;
        let value = match metric {
            Metric::Rtt => self.kernel_time(value, 8, 960_000)?,
            Metric::RttVar => self.kernel_time(value, 4, 480_000)?,
            Metric::RtoMin => self.kernel_time(value, 1, 120_000)?,
            Metric::HopLimit => self.unsigned(value, 255)?,
            Metric::QuickAck | Metric::FastOpenNoCookie => self.unsigned(value, 1)?,
            _ => self.unsigned(value, u32::MAX)?,
        };
        if let Some(lock) = lock.filter(|_| !may_lock(metric)) {
            let message = format!("`{}` cannot be locked", metric.as_str());
            self.error(Code::UnknownOption, lock.span, message);
            return None;
        }
        route.metrics.insert(metric, MetricValue { value, locked });
        Some(())
    }

    /// A time in parts of a millisecond, or with `s` or `ms` behind it; at least 200 ms.
    fn kernel_time(&mut self, word: &Word<'_>, per_milli: u32, max: u32) -> Option<u32> {
        let text = &*word.text;
        let units =
            [("msecs", 1), ("msec", 1), ("ms", 1), ("secs", 1000), ("sec", 1000), ("s", 1000)];
        let with_unit = units
            .iter()
            .find_map(|(unit, millis)| text.strip_suffix(unit).map(|number| (number, *millis)));
        let parts = match with_unit {
            Some((number, millis)) => parse_decimal(number, millis * 1000)
                .map(|micros| micros.saturating_mul(per_milli.into()) / 1000),
            None => text.parse().ok(),
        };
        let Some(parts) = parts else {
            let message = format!("`{text}` is not a time");
            let diagnostic = Diagnostic::new(Code::NotATime, word.span, message)
                .help("write a number with `ms` or `s` behind it");
            self.push(diagnostic);
            return None;
        };
        let limit = if with_unit.is_some() { max * per_milli } else { max };
        if parts > u64::from(limit) {
            self.out_of_range(word, "200ms", &format!("{}ms", limit / per_milli));
            return None;
        }
        let least = 200 * per_milli;
        if parts < u64::from(least) {
            let message = format!("`{text}` counts as 200 ms");
            self.error(Code::RaisedTime, word.span, message);
        }
        Some(least.max(parts as u32))
    }
}

fn may_lock(metric: Metric) -> bool {
    use Metric::{AdvMss, Cwnd, Mtu, Reordering, RtoMin, Rtt, RttVar, Ssthresh};
    matches!(metric, Mtu | AdvMss | Rtt | RttVar | Reordering | Cwnd | Ssthresh | RtoMin)
}
