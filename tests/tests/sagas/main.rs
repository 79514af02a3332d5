//! Every saga against every failure.
