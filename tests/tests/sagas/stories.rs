//! What takes two failures in a row.
