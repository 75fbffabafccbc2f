//! Diagrams as SVG.

use std::fmt::Write as _;

use super::calibrate::Reliability;

const COLOURS: [&str; 3] = ["#9ec5fe", "#3d8bfd", "#084298"];

fn head(width: usize, height: usize) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    )
}

/// Three bars a row, of shares between zero and one, and a mark.
pub(crate) fn bars(rows: &[(&str, [f64; 3])], legend: [&str; 3], mark: f64) -> String {
    const LEFT: usize = 190;
    const WIDTH: usize = 420;
    const ROW: usize = 46;
    let height = 50 + rows.len() * ROW;
    let mut out = head(LEFT + WIDTH + 60, height);
    for (i, (name, colour)) in legend.iter().zip(COLOURS).enumerate() {
        let x = LEFT + i * 110;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"12\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"22\">{name}</text>",
            x + 18
        );
    }
    for (i, (name, shares)) in rows.iter().enumerate() {
        let y = 38 + i * ROW;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
            LEFT - 8,
            y + 22
        );
        for (n, (share, colour)) in shares.iter().zip(COLOURS).enumerate() {
            let (width, top) = (share * WIDTH as f64, y + n * 13);
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"11\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{share:.2}</text>",
                LEFT as f64 + width + 4.0,
                top + 9
            );
        }
    }
    let x = LEFT as f64 + mark * WIDTH as f64;
    let _ = writeln!(
        out,
        "<line x1=\"{x:.1}\" y1=\"32\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#b02a37\" stroke-dasharray=\"4 3\"/>",
        height - 10
    );
    out.push_str("</svg>\n");
    out
}

/// Predicted against observed shares; a circle's area grows with the actions in its bin.
pub(crate) fn reliability(series: &[(&str, &Reliability)]) -> String {
    const LEFT: f64 = 60.0;
    const TOP: f64 = 20.0;
    const SIDE: f64 = 420.0;
    let mut out = head(700, 500);
    let at = |x: f64, y: f64| (LEFT + x * SIDE, TOP + (1.0 - y) * SIDE);
    for tick in 0..=10 {
        let t = f64::from(tick) / 10.0;
        let ((x, _), (_, y)) = (at(t, 0.0), at(0.0, t));
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#e9ecef\"/><line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#e9ecef\"/>",
            TOP + SIDE,
            LEFT + SIDE
        );
        if tick % 2 == 0 {
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{t:.1}</text><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{t:.1}</text>",
                TOP + SIDE + 16.0,
                LEFT - 6.0,
                y + 4.0
            );
        }
    }
    let ((x0, y0), (x1, y1)) = (at(0.0, 0.0), at(1.0, 1.0));
    let _ = writeln!(
        out,
        "<line x1=\"{x0}\" y1=\"{y0}\" x2=\"{x1}\" y2=\"{y1}\" stroke=\"#6c757d\" stroke-dasharray=\"4 3\"/>"
    );
    for (n, ((name, reliability), colour)) in series.iter().zip(COLOURS).enumerate() {
        let all: f64 = reliability.bins.iter().map(|b| b.actions).sum();
        for bin in reliability.bins.iter().filter(|b| b.actions > 0.0) {
            let (x, y) = at(bin.predicted, bin.observed);
            let r = 3.0 + 14.0 * (bin.actions / all).sqrt();
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"{colour}\" fill-opacity=\"0.65\"/>"
            );
        }
        let y = 40 + n * 36;
        let _ = writeln!(
            out,
            "<circle cx=\"505\" cy=\"{}\" r=\"6\" fill=\"{colour}\"/><text x=\"518\" y=\"{y}\">{name}</text><text x=\"518\" y=\"{}\" fill=\"#6c757d\">error {:.3}</text>",
            y - 4,
            y + 15,
            reliability.ece
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"475\" text-anchor=\"middle\">probability that the mapping gives</text>",
        LEFT + SIDE / 2.0
    );
    let _ = writeln!(
        out,
        "<text x=\"16\" y=\"{:.1}\" transform=\"rotate(-90 16 {:.1})\" text-anchor=\"middle\">share that was an attack</text>",
        TOP + SIDE / 2.0,
        TOP + SIDE / 2.0
    );
    out.push_str("</svg>\n");
    out
}
