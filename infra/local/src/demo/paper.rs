//! What the demonstration prints: numbered scenes, each a sentence and a few lines that say who says what.

use std::io::Write;

/// A new scene.
pub(super) fn scene(number: usize, title: &str) {
    print(&format!("\n{number:>2}  {title}\n"));
}

/// A line of a scene: who, and what.
pub(super) fn line(who: &str, what: &str) {
    print(&format!("    {who:<9} {what}\n"));
}

/// A line as it is.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody reads it any more: nothing to be done about that.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What stands between two texts; nothing if one of them is missing.
pub(super) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let after = text.split_once(start).map_or("", |(_, after)| after);
    after.split_once(end).map_or("", |(between, _)| between)
}

/// `1 number`, `2 numbers`.
pub(super) fn count(of: usize, what: &str) -> String {
    format!("{of} {what}{}", if of == 1 { "" } else { "s" })
}
