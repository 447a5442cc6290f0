//! Tables of text, as Markdown and as HTML.

use std::fmt::Write;

use crate::report::template::escape;

/// A table with its heading and caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The heading.
    pub title: String,
    /// What the table shows, in a sentence or two.
    pub caption: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The cells, row by row; every row has one cell per column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &str, caption: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_string(),
            caption: caption.to_string(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// The table as Markdown, heading included.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.caption);
        let mut line = |cells: &[String]| {
            text.push('|');
            for cell in cells {
                let _ = write!(text, " {} |", cell.replace('|', "\\|"));
            }
            text.push('\n');
        };
        line(&self.columns);
        line(&vec!["-".to_string(); self.columns.len()]);
        for row in &self.rows {
            line(row);
        }
        text
    }

    /// The table as HTML, heading included.
    pub fn to_html(&self) -> String {
        let mut html =
            format!("<h2>{}</h2>\n<p>{}</p>\n", escape(&self.title), escape(&self.caption));
        html.push_str("<div class=\"wide\"><table>\n<tr>");
        for column in &self.columns {
            let _ = write!(html, "<th>{}</th>", escape(column));
        }
        html.push_str("</tr>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for cell in row {
                let _ = write!(html, "<td>{}</td>", escape(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</table></div>\n");
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_out_of_their_table() {
        let mut table = Table::new("A & B", "Two.", &["name", "value"]);
        table.rows.push(vec!["a|b".to_string(), "1 < 2".to_string()]);
        let markdown = table.to_markdown();
        assert_eq!(
            markdown,
            "## A & B\n\nTwo.\n\n| name | value |\n| - | - |\n| a\\|b | 1 < 2 |\n"
        );
        let html = table.to_html();
        assert!(html.contains("<h2>A &amp; B</h2>") && html.contains("1 &lt; 2"), "{html}");
    }
}
