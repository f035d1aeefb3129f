/// Columns as wide as they must be, the last one as wide as it is.
pub(super) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows);
    let mut widths = [0; N];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("   ");
        format!("{}\n", line.trim_end())
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up_and_nothing_is_cut() {
        let rows = [["web".to_owned(), "running".to_owned()], ["database".to_owned(), String::new()]];
        assert_eq!(table(["NAME", "STATUS"], rows), "NAME       STATUS\nweb        running\ndatabase\n");
    }
}
