//! A bar chart as SVG.

use std::fmt::Write as _;

const ROW: usize = 34;
const LEFT: usize = 230;
const WIDTH: usize = 420;
const COLOURS: [&str; 2] = ["#9aa5b1", "#1f6feb"];

/// Horizontal bars, two a row, of shares between zero and one.
pub(crate) fn bars(rows: &[(String, [f64; 2])], legend: [&str; 2]) -> String {
    let height = ROW * rows.len() + 70;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        LEFT + WIDTH + 60
    );
    for (i, (name, colour)) in legend.iter().zip(COLOURS).enumerate() {
        let x = LEFT + i * 150;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"12\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"22\">{name}</text>",
            x + 18
        );
    }
    for (i, (name, shares)) in rows.iter().enumerate() {
        let y = 40 + i * ROW;
        let name = name.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
            LEFT - 8,
            y + 17
        );
        for (n, (share, colour)) in shares.iter().zip(COLOURS).enumerate() {
            let width = share * WIDTH as f64;
            let top = y + n * 13;
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"11\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{share:.2}</text>",
                LEFT as f64 + width + 4.0,
                top + 9
            );
        }
    }
    out.push_str("</svg>\n");
    out
}
