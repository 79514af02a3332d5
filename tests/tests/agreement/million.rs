//! A large account: what reconciliation keeps in memory does not grow with it.
//!
//! The operator owns a million numbers besides ours; they are streamed page by page. The function is the real program, so
//! its memory is its own; it is read where the system tells it (Linux).
