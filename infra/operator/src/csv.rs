//! Comma-separated values as RFC 4180 has them, with the lines they stand on. Strict: a file that could be meant in two ways
//! is refused.

/// A record and the line it begins on, counted from 1.
pub(crate) type Record = (usize, Vec<String>);

/// What is wrong, and on which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    pub(crate) why: String,
}

impl Wrong {
    pub(crate) fn new(line: usize, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// Where in a field we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    Plain,
    Quoted,
    AfterQuotes,
}

/// Reads all records. Empty lines are none; a byte order mark is skipped.
pub(crate) fn read(text: &str) -> Result<Vec<Record>, Wrong> {
    let mut records = Vec::new();
    let (mut record, mut field, mut at) = (Vec::new(), String::new(), At::Start);
    let (mut line, mut begun) = (1, 1);
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    while let Some(mut c) = chars.next() {
        if c == '\r' && at != At::Quoted {
            if chars.next_if_eq(&'\n').is_none() {
                return Err(Wrong::new(line, "a carriage return in the middle of a line"));
            }
            c = '\n';
        }
        match (at, c) {
            (At::Quoted, '"') if chars.next_if_eq(&'"').is_some() => field.push('"'),
            (At::Quoted, '"') => at = At::AfterQuotes,
            (At::Quoted, c) => {
                line += usize::from(c == '\n');
                field.push(c);
            }
            (At::Start, '"') => at = At::Quoted,
            (At::Start | At::Plain | At::AfterQuotes, ',') => {
                record.push(std::mem::take(&mut field));
                at = At::Start;
            }
            (At::Start | At::Plain | At::AfterQuotes, '\n') => {
                if at != At::Start || !record.is_empty() {
                    record.push(std::mem::take(&mut field));
                    records.push((begun, std::mem::take(&mut record)));
                }
                line += 1;
                (begun, at) = (line, At::Start);
            }
            (At::Plain, '"') => return Err(Wrong::new(line, "a quote inside a field that does not begin with one")),
            (At::AfterQuotes, _) => return Err(Wrong::new(line, "text after a closing quote")),
            (At::Start | At::Plain, c) => {
                field.push(c);
                at = At::Plain;
            }
        }
    }
    match at {
        At::Quoted => Err(Wrong::new(begun, "a quote that is never closed")),
        At::Start if record.is_empty() => Ok(records),
        At::Start | At::Plain | At::AfterQuotes => {
            record.push(field);
            records.push((begun, record));
            Ok(records)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are_written() {
        let check = |text: &str, expected: &[(usize, &[&str])]| {
            let expected: Vec<Record> = expected
                .iter()
                .map(|(line, fields)| (*line, fields.iter().map(|field| (*field).to_owned()).collect()))
                .collect();
            assert_eq!(read(text), Ok(expected), "{text:?}");
        };
        check("", &[]);
        check("a,b", &[(1, &["a", "b"])]);
        check("a,b\n1,2\n", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        check("a,b\r\n1,2\r\n", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        check("\u{feff}a\n1", &[(1, &["a"]), (2, &["1"])]);
        check("\u{feff}\"a\"\n", &[(1, &["a"])]);
        check("\"a,b\",\"say \"\"x\"\"\"\n", &[(1, &["a,b", "say \"x\""])]);
        check("\"two\nlines\",x\ny,z", &[(1, &["two\nlines", "x"]), (3, &["y", "z"])]);
        check("a\n\n\r\nb\n\n", &[(1, &["a"]), (4, &["b"])]);
        check("a,\n,b\n,", &[(1, &["a", ""]), (2, &["", "b"]), (3, &["", ""])]);
        check("\"\"\n", &[(1, &[""])]);
        check("\"\",\"\"", &[(1, &["", ""])]);
    }

    #[test]
    fn what_could_be_meant_in_two_ways_is_refused() {
        let check = |text: &str, line: usize, why: &str| {
            assert_eq!(read(text), Err(Wrong::new(line, why)), "{text:?}");
        };
        check("a\nb\"c", 2, "a quote inside a field that does not begin with one");
        check("a\n\"b\"c", 2, "text after a closing quote");
        check("a\n\"b\" ,c", 2, "text after a closing quote");
        check("a\n\"b\nc\nd", 2, "a quote that is never closed");
        check("a\rb", 1, "a carriage return in the middle of a line");
    }
}
