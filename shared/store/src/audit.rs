//! The audit trail: one partition a month, lines in the order in which they were written, never changed.

use domain::audit::Record;
use domain::{AuditId, limits};
use jiff::Timestamp;

use crate::Store;
use crate::item::{StoreError, encode, with_key};
use crate::keys;
use crate::month::{before, of};
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};

impl Store {
    /// A line, by its id and when it was written.
    pub async fn audit_get(&self, id: &AuditId, at: Timestamp) -> Result<Option<Record>, StoreError> {
        self.get(&keys::audit(&of(at), id)).await
    }

    /// Writes a line of what had no transaction of its own. A line that is there already stays as it is.
    ///
    /// # Errors
    /// When the store does not answer; the line may be written, and the same call writes it once.
    pub async fn audit_put(&self, record: &Record) -> Result<(), StoreError> {
        match self.transact(vec![append(record)?]).await {
            Ok(()) | Err(TransactError::Lost(_)) => Ok(()),
            Err(TransactError::Store(error)) => Err(error),
        }
    }

    /// Lines of `[from, to)`, newest first, month by month. A page may be short, with a cursor, when the months it walked
    /// over had few.
    pub async fn audit_list(
        &self,
        from: Timestamp,
        to: Timestamp,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Record>, StoreError> {
        let (mut at, mut start) = (to, None);
        if let Some((month, sk)) =
            after.as_ref().and_then(|cursor| cursor.position().strip_prefix(keys::AUDIT)?.split_once('#'))
            && let Ok(there) = format!("{month}-01T00:00:00Z").parse::<Timestamp>()
        {
            (at, start) = (there.min(to), Some(Cursor::at(sk)).filter(|_| !sk.is_empty()));
        }
        let within = |record: &Record| from <= record.at && record.at < to;
        let mut items: Vec<Record> = Vec::new();
        for _ in 0..limits::AUDIT_MONTHS_MAX {
            let month = of(at);
            let wanted = limit - u16::try_from(items.len()).unwrap_or(limit);
            let pk = keys::audit_partition(&month);
            let page = self
                .list(
                    Listing { pk, prefix: keys::AUDIT_LINES, forward: false, after: start.take(), limit: wanted },
                    within,
                )
                .await?;
            items.extend(page.items);
            if let Some(next) = page.next {
                return Ok(Page {
                    items,
                    next: Some(Cursor::at(format!("{}{month}#{}", keys::AUDIT, next.position()))),
                });
            }
            if month <= of(from) {
                return Ok(Page { items, next: None });
            }
            at = before(at);
            if items.len() == usize::from(limit) {
                break;
            }
        }
        Ok(Page { items, next: Some(Cursor::at(format!("{}{}#", keys::AUDIT, of(at)))) })
    }
}

/// Notes who did what, in the transaction of what was done.
///
/// # Errors
/// When the record cannot be encoded.
pub fn append(record: &Record) -> Result<Write, StoreError> {
    Ok(Write::insert(Guard::Audit, with_key(encode(record)?, &keys::audit(&of(record.at), &record.id))))
}
