//! Columns for people: what is a sum or a count stands to the right.

use serde_json::Value;

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Sums and counts.
    Right,
}

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [(&'static str, Side); N]) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// A row; cells are made fit to print.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// The table, or these words when it has no rows.
    pub(crate) fn render(&self, empty: &str) -> String {
        if self.rows.is_empty() {
            return format!("{empty}\n");
        }
        let width = |n: usize| {
            let cells = self.rows.iter().map(|row| row[n].chars().count());
            cells.chain([self.columns[n].0.chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let mut line = String::new();
            for ((cell, (_, side)), width) in cells.into_iter().zip(&self.columns).zip(&widths) {
                let blank = " ".repeat(width - cell.chars().count());
                match side {
                    Side::Left => line.extend([cell, &blank, "  "]),
                    Side::Right => line.extend([&blank, cell, "  "]),
                }
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut text = line(self.columns.iter().map(|(name, _)| *name).collect());
        text.extend(self.rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
        text
    }
}

/// Text that cannot move a terminal's cursor: names and reasons are written by strangers.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What stands at a JSON pointer, for a cell: text, number, yes or no, money; a dash for nothing.
pub(crate) fn cell(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "–".into(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(yes)) => if *yes { "yes" } else { "no" }.into(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(some)) => some.iter().map(|one| cell(one, "")).collect::<Vec<_>>().join(", "),
        Some(Value::Object(object)) => match (object.get("amount"), object.get("currency")) {
            (Some(Value::String(amount)), Some(Value::String(currency))) => format!("{amount} {currency}"),
            _ => Value::Object(object.clone()).to_string(),
        },
    }
}

/// The items of a list.
pub(crate) fn items<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up_and_money_stands_to_the_right() {
        let mut table = Table::new([("tenant", Side::Left), ("balance", Side::Right), ("name", Side::Left)]);
        assert_eq!(table.render("No tenants."), "No tenants.\n");
        table.row(["acme".into(), "8.50 USD".into(), "Arzt Müller".into()]);
        table.row(["a-longer-one".into(), "1000.0085 USD".into(), "evil\u{1b}[2J\nname".into()]);
        assert_snapshot!(table.render("No tenants."), @r"
        tenant              balance  name
        acme               8.50 USD  Arzt Müller
        a-longer-one  1000.0085 USD  evil [2J name
        ");
    }

    #[test]
    fn cells_show_what_the_api_says() {
        let document = json!({
            "text": "a", "none": null, "yes": true, "count": 3, "some": ["num_1", "num_2"], "money": { "amount": "1.50", "currency": "USD" },
            "deep": { "er": "b" },
        });
        let check = |pointer: &str, shown: &str| assert_eq!(cell(&document, pointer), shown, "{pointer}");
        check("/text", "a");
        check("/none", "–");
        check("/missing", "–");
        check("/yes", "yes");
        check("/count", "3");
        check("/some", "num_1, num_2");
        check("/money", "1.50 USD");
        check("/deep/er", "b");
        check("/deep", r#"{"er":"b"}"#);
    }
}
