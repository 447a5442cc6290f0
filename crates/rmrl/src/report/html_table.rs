//! Tables within a page.

use std::fmt::Write;

use super::template::escape;

/// A cell of a table.
pub(super) struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    /// Text.
    pub(super) fn text(text: impl ToString) -> Self {
        Self { text: text.to_string(), class: "" }
    }

    /// A number, or what stands for one.
    pub(super) fn number(number: impl ToString) -> Self {
        Self { text: number.to_string(), class: "number" }
    }

    /// What is as it should be, is not, or is open.
    pub(super) fn judged(text: impl ToString, is_good: Option<bool>) -> Self {
        let class = match is_good {
            Some(true) => "good",
            Some(false) => "bad",
            None => "open",
        };
        Self { text: text.to_string(), class }
    }
}

/// A table with the names of its columns.
pub(super) fn html_table(columns: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut html = "<div class=\"wide\"><table>\n<tr>".to_string();
    for (index, column) in columns.iter().enumerate() {
        let first = rows.first().and_then(|row| row.get(index));
        let class = class_of(first.map_or("", |cell| cell.class));
        let _ = write!(html, "<th{class}>{}</th>", escape(column));
    }
    html.push_str("</tr>\n");
    for row in rows {
        html.push_str("<tr>");
        for Cell { text, class } in row {
            let class = class_of(class);
            let _ = write!(html, "<td{class}>{}</td>", escape(text));
        }
        html.push_str("</tr>\n");
    }
    html + "</table></div>\n"
}

fn class_of(class: &str) -> String {
    if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") }
}

/// A table of names and what they stand for.
pub(super) fn name_table(rows: &[(&str, String)]) -> String {
    let mut html = "<table>\n".to_string();
    for (name, value) in rows {
        let _ = writeln!(html, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
    }
    html + "</table>\n"
}
